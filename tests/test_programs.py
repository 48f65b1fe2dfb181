"""Programs of a kernel: what they print, how they end, and the %%process magic."""

import os
import re
import signal

import psutil
import pytest
from kernels import kernel_in
from programs import SLEEP, WITH_CHILD, assert_gone, is_running, posix_only

from labkit.errors import ProgramError
from labkit.programs import processes, start_process


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a program from its text, under a name."""

    def start(code, *args, name="letters"):
        path = tmp_path / f"{name}.py"
        path.write_text(code, encoding="utf-8")
        return start_process(path, *args, cwd=tmp_path)

    yield start
    processes.stop_all()


def test_wait_prints_the_output_and_returns_the_exit_code(start, capsys):
    """Wait shows, once, what the program printed, errors included."""
    program = start(
        "import sys; print(sys.argv[1:]); sys.exit('no more letters')", "-v"
    )
    assert program.wait() == 1
    assert (program.wait(), program.stop()) == (1, 1)
    assert capsys.readouterr().out == "letters | ['-v']\nletters | no more letters\n"


def test_wait_that_takes_too_long_says_what_to_do(start):
    """After the timeout the program still runs, and the error names the ways on."""
    program = start(SLEEP)
    sentence = r"^letters still runs after 0.05 s; wait longer .*, or end it with stop"
    with pytest.raises(ProgramError, match=sentence):
        program.wait(0.05)
    with pytest.raises(ProgramError, match=r"letters has not printed 'ready' in 0.05"):
        program.wait_for_output("ready", timeout=0.05)
    assert program.is_alive()


def test_output_keeps_its_end_within_bounds(start):
    """Of a flood the last part is kept, and its first line says what is missing."""
    program = start("import sys\nfor _ in range(50): print('x' * 99_999)\nprint('end')")
    program.wait_for_output("end", timeout=30)
    assert program.wait() == 0
    assert len(program.output) < 2_200_000
    assert program.output.startswith("[")
    assert "earlier characters were dropped]\n" in program.output[:60]


def test_waiting_for_output_that_never_comes_shows_the_last_lines(start):
    """The error has the program's last lines, which tell the reason."""
    program = start("print('no server at 5000')\nraise SystemExit(4)")
    with pytest.raises(ProgramError, match="before it printed 'ready'") as caught:
        program.wait_for_output("ready")
    assert "ended (exit code 4)" in str(caught.value)
    assert str(caught.value).endswith("no server at 5000")


def test_stop_ends_the_children_too(start):
    """A child in a session of its own, deaf to SIGTERM, ends with the program."""
    program = start(WITH_CHILD + SLEEP)
    with program._changed:
        program._changed.wait_for(lambda: "\n" in program.output, timeout=20)
    child = int(program.output)
    program.stop()
    assert not is_running(child)
    assert not program.is_alive()


@posix_only
def test_state_names_the_signal(start):
    """How a program ended is told in words."""
    program = start(SLEEP)
    assert re.fullmatch(
        r"letters: started \d\d:\d\d:\d\d: python .*letters.py", repr(program)
    )
    program.stop()
    assert program.state == "ended by SIGTERM"


@posix_only
def test_stop_ends_a_program_that_ignores_sigterm(start):
    """After its time to end in order, the program is killed."""
    code = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready')"
    )
    program = start(f"{code}\n{SLEEP}")
    program.wait_for_output("ready")
    assert program.stop(timeout=0.1) == -signal.SIGKILL


def test_same_name_replaces_the_first(start):
    """A second program of a name stops the first and takes its place."""
    first = start(SLEEP)
    second = start(SLEEP)
    assert not first.is_alive()
    assert processes["letters"] is second


def test_missing_file_is_one_sentence():
    """A path that leads nowhere is named before anything is started."""
    with pytest.raises(ProgramError, match=r"there is no file 'nowhere.py'"):
        start_process("nowhere.py")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # it is the subject
def test_a_fork_of_the_kernel_owns_no_program(start):
    """A forked copy of this process neither sees nor ends its programs."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    program = start(SLEEP)
    pid = os.fork()
    if pid == 0:
        processes.stop_all()
        program.stop()
        os._exit(len(processes))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert program.is_alive()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """Return a real kernel with labkit loaded, for the tests of the cell magic."""
    with kernel_in(tmp_path_factory.mktemp("notebook")) as kernel:
        kernel.run("from labkit import processes")
        yield kernel


def test_magic_writes_and_starts_the_program(kernel):
    """The cell is kept as a file that runs by itself, and runs with its arguments."""
    cell = "import sys\nprint(sys.argv[1:], '→')\n"
    shown = kernel.run("%%process letters --fast 'a b'\n" + cell)
    assert shown.startswith("letters: ")
    assert (kernel.folder / "work/letters.py").read_text("utf-8") == cell
    printed = kernel.run("processes['letters'].wait();")
    assert printed.startswith("letters | ['--fast', 'a b'] →\n")


BAD_CELLS = {
    "": "give the program a name of letters, digits and _, as in %%process server",
    "../server": "give the program a name of letters, digits and _",
    "queue": "a program called 'queue' would hide the module queue",
    "server 'a": "No closing quotation",
}


@pytest.mark.parametrize("line", BAD_CELLS)
def test_magic_refuses_a_bad_name_in_one_sentence(kernel, line):
    """A name that cannot be a program's is refused without a traceback."""
    shown = kernel.run(f"%%process {line}\nprint('started')")
    assert shown.startswith(f"UsageError: %%process: {BAD_CELLS[line]}")
    assert shown.count("\n") == 1


@posix_only
def test_interrupting_the_kernel_leaves_programs_alone(kernel):
    """The notebook's stop button ends the cell, not the programs of other cells."""
    kernel.run(f"%%process bystander\n{SLEEP}")
    shown = kernel.run("import os, signal; os.killpg(os.getpgrp(), signal.SIGINT)")
    assert "KeyboardInterrupt" in shown
    alive = kernel.run("alive = processes['bystander'].is_alive(); print(alive)")
    kernel.run("processes.stop_all()")
    assert alive == "True\n"


@posix_only
def test_nothing_outlives_a_killed_kernel(tmp_path):
    """Two seconds after SIGKILL of the kernel, a program and its child are gone."""
    with kernel_in(tmp_path) as kernel:
        kernel.run("%%process parent\n" + WITH_CHILD + SLEEP)
        kernel.run("from labkit import processes\nparent = processes['parent']")
        child = int(kernel.run("print(parent.wait_for_output(''))"))
        program = int(kernel.run("print(parent.pid)"))
        supervisor = psutil.Process(program).ppid()
        kernel.kill()
        assert_gone([child, program, supervisor], within_s=2)


@pytest.mark.long
@posix_only
def test_nothing_outlives_a_kernel_that_is_shut_down(tmp_path):
    """An orderly end lets the program end in order, within its own handler."""
    code = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))"
    code += "\nimport atexit, pathlib\natexit.register(pathlib.Path('farewell').touch)"
    with kernel_in(tmp_path) as kernel:
        kernel.run(f"%%process polite\n{code}\nprint('ready')\n{SLEEP}")
        kernel.run("from labkit import processes")
        kernel.run("processes['polite'].wait_for_output('ready')")
        program = int(kernel.run("print(processes['polite'].pid)"))
    assert_gone([program], within_s=2)
    assert (tmp_path / "farewell").exists()
