"""Children that end with their parent, and programs that leave nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from programs import (
    SLEEP,
    WITH_CHILD,
    Lines,
    assert_gone,
    is_running,
    posix_only,
    python,
)

from labkit import supervised
from labkit.errors import ProgramError
from labkit.supervised import Supervised

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux leads from a process to its orphans"
)


def test_output_is_merged_in_order():
    """Standard output and standard error arrive as one text, as they were written."""
    code = "import sys; print('à'); print('→', file=sys.stderr); print('c')"
    assert supervised.run(python(code), timeout_s=20).output == "à\n→\nc\n"


def test_output_has_no_colour_codes(monkeypatch):
    """A kernel's wish for colours does not reach a program that writes to a pipe."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in supervised.run(python("1 / 0"), timeout_s=20).output


def test_standard_input_is_empty():
    """A program that asks for something does not wait for ever."""
    assert supervised.run(python("input()"), timeout_s=20).output.endswith(
        "EOFError: EOF when reading a line\n"
    )


def test_environment_and_folder_are_those_given(tmp_path):
    """The program has the folder, the environment and the arguments it was given."""
    code = "import os, sys; print(os.getcwd(), os.environ['ORDER'], sys.argv[1:])"
    env = os.environ | {"ORDER": "letters"}
    finished = supervised.run(
        [*python(code), "--fast", "a b"], timeout_s=20, cwd=tmp_path, env=env
    )
    assert finished.output == f"{tmp_path} letters ['--fast', 'a b']\n"


def test_what_is_missing_is_named_in_one_sentence(tmp_path):
    """A program or a folder that does not exist is named in the error."""
    with pytest.raises(ProgramError, match=r"^cannot start 'no-such-program': .+"):
        supervised.run(["no-such-program"], timeout_s=20)
    with pytest.raises(ProgramError, match=r"there is no folder '.*nowhere'"):
        supervised.run(python("pass"), timeout_s=20, cwd=tmp_path / "nowhere")


def test_deadline_ends_the_program():
    """A program that runs on is ended at the deadline, its output kept."""
    finished = supervised.run(python("print('begun')\nwhile True: pass"), timeout_s=1)
    assert finished.exit_code is None
    assert finished.output == "begun\n"


def test_long_output_is_cut():
    """Of 100 MB the beginning is kept, and the program can go on."""
    code = "import sys\nfor _ in range(100): sys.stdout.write('x' * 1_000_000)"
    finished = supervised.run(python(code), timeout_s=30, max_chars=1000)
    assert finished.exit_code == 0
    assert finished.output == "x" * 1000


def test_leftovers_are_ended():
    """A child in its own session, which holds the output, is gone."""
    finished = supervised.run(python(WITH_CHILD), timeout_s=20)
    assert finished.exit_code == 0
    assert not is_running(int(finished.output))


@linux_only
def test_children_that_hand_over_to_children_are_ended():
    """Processes that live on only by forking again and again do not escape."""
    code = (
        "import os\nif os.fork(): os._exit(0)\n"
        "for n in range(1500):\n    if os.fork(): os._exit(0)\n    os.setsid()\n"
        "import time; time.sleep(120)"
    )
    supervised.run(python(code), timeout_s=20)
    commands = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if command and code in command]


@linux_only
def test_programs_in_turn_leave_each_other_nothing(tmp_path):
    """One that takes too long, or leaves a child, is gone when the next one begins."""
    child = "import subprocess; subprocess.Popen(['sleep', '60'])"
    count = "import os; print(len(psutil.Process(os.getppid()).children(True)))"
    turns = [(str(tmp_path), *turn) for turn in ((SLEEP, 0.2), (child, 9), (count, 9))]
    code = "import psutil; from labkit.supervised import in_turn"
    code += f"; exec(in_turn({turns!r}, 'ended:'))"
    output = supervised.run(python(code), timeout_s=30).output
    assert " ".join(output.split()) == "ended: null ended: 0 1 ended: 0"


def test_helpers_of_multiprocessing_may_end_by_themselves():
    """The resource tracker, which ends a moment after its program, is not killed."""
    code = (
        "from multiprocessing import shared_memory as m\n"
        "block = m.SharedMemory(create=True, size=1)\nblock.close()\nblock.unlink()"
    )
    assert supervised.run(python(code), timeout_s=20) == (0, "")


def test_on_exit_is_called_once_after_all_output():
    """on_exit gets the exit code, once, when the whole output was delivered."""
    lines, exits = Lines(), []
    program = Supervised(
        python("print('x' * 300_000); raise SystemExit(5)"),
        on_output=lines,
        on_exit=lambda code: exits.append((code, len(lines.text))),
    )
    program.join(20)
    program.end()
    assert exits == [(5, 300_001)]


@posix_only
def test_interrupt_is_ctrl_c():
    """The program gets a KeyboardInterrupt, though a kernel ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = Lines()
    code = f"try:\n    print('ready'); {SLEEP}\nexcept KeyboardInterrupt: print('bye')"
    try:
        with Supervised(python(code), on_output=lines) as program:
            lines.wait_for("ready\n")
            program.interrupt()
            assert program.join(20) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert lines.text == "ready\nbye\n"


@posix_only
def test_terminate_can_be_handled():
    """The program may answer SIGTERM with an orderly end and its own exit code."""
    lines = Lines()
    code = (
        "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        f"print('ready')\n{SLEEP}"
    )
    with Supervised(python(code), on_output=lines) as program:
        lines.wait_for("ready\n")
        program.terminate()
        assert program.join(20) == 7


@posix_only
def test_killed_supervisor_does_not_free_the_program():
    """When somebody kills the supervisor, the program and its child end as well."""
    lines = Lines()
    program = Supervised(python(WITH_CHILD + SLEEP), on_output=lines)
    child = int(lines.wait_for("\n"))
    psutil.Process(program.pid).parent().kill()
    assert program.join(20) == -signal.SIGKILL
    assert_gone([program.pid, child], within_s=5)


CHILD = """
import os, time
from labkit import supervised

def main(conn):
    supervised.end_with_parent()
    conn.send(os.getpid())
    time.sleep(120)

if __name__ == "__main__":
    supervised.watch()
    print(os.getpid(), flush=True)
    time.sleep(120)
"""
PARENT = f"""
import child, multiprocessing, os, queue, signal, sys, time
from labkit import start_server, supervised

def main():
    lines = queue.SimpleQueue()
    code = {WITH_CHILD + SLEEP!r}
    program = supervised.Supervised([sys.executable, "-c", code], lines.put)
    watching = supervised.start("child")
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=child.main, args=(there,))
    process.start()
    server = start_server()
    pids = [server.pid, here.recv(), int(watching.stdout.readline()), program.pid]
    pids += [int(lines.get(timeout=20)), program._process.pid]
    fork = os.fork() if hasattr(os, "fork") else 0
    if fork == 0 and hasattr(os, "fork"):
        time.sleep(120)  # it lives on, with a copy of everything its parent had open
    print(fork, *pids, flush=True)

if __name__ == "__main__":
    main()
"""
DEATHS = ["sys.exit()", "os.kill(os.getpid(), signal.SIGKILL)"]
DEATHS += [pytest.param("os._exit(1)", marks=pytest.mark.long)]


@pytest.mark.parametrize("death", DEATHS)
def test_nothing_outlives_the_parent(death, tmp_path):
    """However a process ends, its children are gone, though a fork of it lives on."""
    if os.name != "posix" and "SIGKILL" in death:
        death = death.replace("SIGKILL", "SIGTERM")  # there it is as sudden
    if death == "sys.exit()":  # which waits for children of multiprocessing
        death = "process.terminate(); sys.exit()"
    (tmp_path / "child.py").write_text(CHILD, encoding="utf-8")
    parent = tmp_path / "parent.py"
    text = PARENT.replace("*pids, flush=True)", f"*pids, flush=True)\n    {death}")
    parent.write_text(text, encoding="utf-8")
    home = str(Path(supervised.__file__).parents[1])
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), home])}
    command = [sys.executable, str(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        fork, *pids = map(int, process.stdout.readline().split())
        process.wait(20)
        try:
            assert_gone(pids, within_s=2)
        finally:
            if fork:
                psutil.Process(fork).kill()


def test_a_learners_module_does_no_harm(tmp_path, monkeypatch):
    """A file queue.py beside the notebook is not what our children import."""
    (tmp_path / "queue.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert supervised.run(python("print(1)"), timeout_s=20).output == "1\n"
    with supervised.start("platform") as child:
        assert child.communicate()[0]
