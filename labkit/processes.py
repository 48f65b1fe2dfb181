"""The programs of this kernel, by name, and the cell magic that starts them.

This module is itself the mapping :data:`processes`, so that ``labkit.processes`` is
one thing whether it is taken for a module or for the mapping::

    %%process server
    print("ready")

    from labkit import processes
    processes["server"].wait()
"""

import atexit
import os
import re
import shlex
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from labkit._processes.programs import ProgramProcess
from labkit.errors import LabkitError, UnknownProgramError

__all__ = ["ProgramProcess", "processes", "register_magics", "start_process"]

_programs: dict[str, ProgramProcess] = {}
if hasattr(os, "register_at_fork"):  # a forked copy of the kernel owns no program
    os.register_at_fork(after_in_child=_programs.clear)


class Processes(ModuleType, Mapping[str, ProgramProcess]):
    """The programs started from this process: name to :class:`ProgramProcess`.

    A name stays after its program has ended, until another takes its place.
    """

    __hash__ = ModuleType.__hash__  # a module, and equal to nothing but itself
    __eq__ = ModuleType.__eq__

    def __getitem__(self, name: str) -> ProgramProcess:
        if name in _programs:
            return _programs[name]
        known = ", ".join(_programs) or "none yet: run its %%process cell first"
        raise UnknownProgramError(f"no program is called {name!r}; there is {known}")

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(_programs))

    def __len__(self) -> int:
        return len(_programs)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values())) or "no programs"

    def stop_all(self, timeout: float = 2.0) -> None:
        """End every program, and everything it started.

        Parameters
        ----------
        timeout : float
            Seconds they have, together, to end by themselves after SIGTERM.
        """
        programs = tuple(_programs.values())
        for program in programs:
            program.terminate()
        deadline = time.monotonic() + timeout
        for program in programs:
            program.stop(max(0.0, deadline - time.monotonic()))


sys.modules[__name__].__class__ = Processes
processes = cast("Processes", sys.modules[__name__])
atexit.register(processes.stop_all)


def start_process(
    path: str | os.PathLike[str],
    *args: str,
    name: str | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> ProgramProcess:
    """Start a program in the background; one of the same name is stopped first.

    It ends, with everything it started, when it is told to and when this process
    ends in whatever way.

    Parameters
    ----------
    path, *args, name, cwd, env
        As for :class:`ProgramProcess`.

    Returns
    -------
    ProgramProcess
        The running program, from now on also ``processes[name]``.

    Raises
    ------
    ProgramError
        There is no such file or folder, or the program could not be started.
    """
    name = name or Path(path).stem
    if name in _programs:
        _programs[name].stop()
    program = ProgramProcess(path, *args, name=name, cwd=cwd, env=env)
    _programs[name] = program
    return program


def register_magics(shell: Any) -> None:
    """Make ``%%process`` known; ``%load_ext labkit`` calls this.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The shell of the notebook's kernel.
    """
    shell.register_magic_function(_process, "cell", "process")


def _process(line: str, cell: str) -> None:
    """Write this cell to work/NAME.py, run it in the background, watch it here.

    %%process NAME [argument ...]

    The program of that name that runs already is stopped first. Later cells reach it
    as processes["NAME"]: wait, wait_for_output, interrupt, stop, output.
    """
    from IPython.core.error import UsageError

    from labkit._processes import panes

    try:
        name, *args = _words(line)
        _check_code(name, cell)
        program = start_process(_write(name, cell), *args, name=name)
    except (LabkitError, ValueError) as error:
        raise UsageError(f"%%process: {error}") from None
    panes.show(program)


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line, posix=os.name == "posix")
    except ValueError:
        raise ValueError(f"a quotation mark in {line!r} is not closed") from None
    if not words:
        raise ValueError("the program needs a name, as in %%process server")
    name = words[0]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(
            f"{name!r} cannot be a program's name; take letters, digits and _, "
            "as in %%process server"
        )
    if name in sys.stdlib_module_names or name == "labkit":
        raise ValueError(
            f"a program called {name!r} would hide the module {name} from every "
            f"program in work; take another name, such as my_{name}"
        )
    return words


def _check_code(name: str, cell: str) -> None:
    if not cell.strip():
        raise ValueError(f"{name} is empty; write the program below the first line")
    try:
        with warnings.catch_warnings(action="ignore"):  # the program will show them
            compile(cell, f"{name}.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        text = (error.text or "").strip()
        raise ValueError(
            f"{name} was not started: line {error.lineno} of the program, {text!r}: "
            f"{error.msg}"
        ) from None


def _write(name: str, cell: str) -> Path:
    path = Path("work") / f"{name}.py"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(cell.removesuffix("\n") + "\n", "utf-8", newline="\n")
    except OSError as error:
        raise ValueError(
            f"cannot write {path} in {Path.cwd()}: {error.strerror}; check who may "
            "write there, and the space on the disk"
        ) from None
    return path
