"""Notice what an answer tries while it is examined, for the report on a class.

An answer shares its process with the checks, and a witness in that process can be
fooled; what really holds an answer is the operating system: see
:mod:`.confinement` and :mod:`.guard`. The witness is there for the words.
It refuses what it can refuse, and it puts back what an answer changed of the kit.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from labkit._checks import confinement

__all__ = ["watch"]

_MANY = 50  # processes that an answer starts
_LONG_S = 60  # longer than any check takes
_OPENS = {"open", "os.listdir", "os.scandir", "os.remove", "os.rename", "shutil.rmtree"}
_STARTS = {"os.fork", "os.posix_spawn", "subprocess.Popen", "os.system"}
_IN_C = {"kill", "killpg", "tgkill", "ptrace", "syscall", "fork", "vfork", "unlink"}
# The whole of pytest would take longer than the checks.
_KEPT = {
    "builtins", "labkit._checks.examiner", "labkit._checks.examplugin",
    "labkit._checks.rig", "labkit._checks.witness", "labkit._checks.plainserver",
    "_pytest.runner", "_pytest.python", "_pytest.outcomes", "pluggy._manager",
    "pluggy._hooks", "pluggy._callers", "pluggy._caller", "pluggy._execution",
}  # fmt: skip


def watch(
    report: Callable[..., None],
    answer: str,
    *,
    closed: Iterable[str] = (),
    readable: Iterable[str] = (),
    listable: Iterable[str] = (),
    largest_file: int = 0,
) -> "Inventory":
    """Confine this process, and report what it tries from now on.

    Parameters
    ----------
    report : callable
        Called with the entries of each event, whose ``state`` is ``noticed``.
    answer : str
        The answer's file.
    closed : iterable of str
        Folders that are nothing for an answer: to open a file there is refused.
    readable, listable : iterable of str
        What an answer may read, or list, besides Python and the system, where the
        operating system can see to it; its own folder is its only place to write.
    largest_file : int
        Size in bytes beyond which no file grows; 0 for no limit.

    Returns
    -------
    Inventory
        A plugin for pytest.
    """
    confinement.limit(largest_file)
    place = Path(answer).parent.parent
    temporary = place / "temporary"
    temporary.mkdir()
    writable = [str(temporary), str(place / "work")]
    if confinement.confine(writable, [str(place), *readable], listable):
        os.environ.update(TMPDIR=str(temporary), HOME=str(temporary))
    hook = _Hook(report, answer, closed)
    if number := getattr(signal, "SIGXFSZ", None):
        signal.signal(number, lambda *_: hook.notice("filled a file: refused"))
    sys.addaudithook(hook)
    return Inventory(report)


class _Hook:
    """The audit hook: Python calls it before it does what an event names."""

    def __init__(
        self, report: Callable[..., None], answer: str, closed: Iterable[str]
    ) -> None:
        self._report = report
        self._answer = answer
        self._place = os.path.dirname(os.path.dirname(os.path.realpath(answer)))  # noqa: PTH120
        self._closed = tuple(os.path.join(os.path.realpath(p), "") for p in closed)  # noqa: PTH118
        self._parent = os.getppid()
        self._started = 0
        self._said: set[str] = set()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _OPENS and arguments:
            self._opens(arguments[0])
        elif event in _STARTS and self._by_answer():
            self._look_at(arguments)
            self._started += 1
            if self._started == _MANY:
                self.notice(f"started {_MANY} processes, or more")
        elif event == "time.sleep" and arguments[0] > _LONG_S and self._by_answer():
            self.notice(f"wanted to sleep for {arguments[0]:,.0f} s")
        elif event == "ctypes.dlsym" and arguments[1] in _IN_C and self._by_answer():
            self.notice(f"looked for the C function {arguments[1]}()")
        elif event in {"os.kill", "os.killpg"} and arguments[0] in {-1, self._parent}:
            self.notice("tried to kill the process that examines it: refused")
            raise PermissionError("an answer may end its own processes only")

    def _look_at(self, arguments: tuple[Any, ...]) -> None:
        """Look for a closed folder in the words that start a program."""
        said = repr(arguments[:2])
        for folder in self._closed:
            if folder.rstrip(os.sep) in said:
                self.notice(f"started a program on {folder}")

    def _opens(self, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        real = os.path.join(os.path.realpath(os.fsdecode(path)), "")  # noqa: PTH118
        if real.startswith(os.path.join(self._place, "")):  # noqa: PTH118
            return
        if real.startswith(self._closed) and self._by_answer():
            caller = sys._getframe(2).f_globals.get("__name__")  # noqa: SLF001
            # A traceback wants to show lines of the checks: nobody's attack.
            if (caller, os.path.basename(real[:-1])) != ("tokenize", "checks.py"):  # noqa: PTH119
                self.notice(f"tried to open {os.fsdecode(path)}: refused")
            raise PermissionError(f"closed while an answer is examined: {path!r}")

    def _by_answer(self) -> bool:
        """Tell whether the answer is what runs now; pytest opens the checks."""
        frame = sys._getframe()  # noqa: SLF001 - documented for this
        while frame := frame.f_back:  # type: ignore[assignment]
            if frame.f_code.co_filename == self._answer:
                return True
        return False

    def notice(self, what: str) -> None:
        """Report what the answer did, once."""
        if what not in self._said and len(self._said) < 20:
            self._said.add(what)
            self._report(state="noticed", what=what)


class Inventory:
    """What the kit and pytest consist of; put back where an answer changes it.

    A plugin for pytest.

    Parameters
    ----------
    report : callable
        As for :func:`watch`.
    """

    def __init__(self, report: Callable[..., None]) -> None:
        self._report = report
        self._parts: list[tuple[Any, str, Any]] = []
        self._codes: list[tuple[Any, ...]] = []

    def pytest_collection_finish(self, session: Any) -> None:
        """Take stock: the checks are loaded, and the answer is not."""
        names = _KEPT | {item.module.__name__ for item in session.items}
        self._parts = list(_parts(names))
        self._codes = [
            (part, part.__code__, part.__defaults__, part.__kwdefaults__)
            for _, _, part in self._parts
            if isinstance(part, FunctionType)
        ]

    def pytest_runtest_call(self) -> None:
        """Put everything back before a check: the answer has been loaded."""
        self.restore()

    def pytest_runtest_teardown(self, item: Any) -> None:
        """Put everything back after it; what was changed meanwhile decides it."""
        if changed := self.restore():
            self._report(
                state="failed",
                check=item.name,
                message=f"The answer changed {changed[0]} while it was checked.",
            )

    def restore(self) -> list[str]:
        """Put everything back; return the names of what was changed."""
        changed = []
        for owner, name, part in self._parts:
            if vars(owner).get(name) is not part:
                setattr(owner, name, part)
                changed.append(f"{owner.__name__}.{name}")
        for function, code, defaults, keywords in self._codes:
            now = function.__code__, function.__defaults__, function.__kwdefaults__
            kept = code, defaults, keywords
            if any(a is not b for a, b in zip(now, kept, strict=True)):
                function.__code__ = code
                function.__defaults__, function.__kwdefaults__ = defaults, keywords
                changed.append(function.__qualname__)
        if changed:
            what = f"changed what examines it ({', '.join(changed[:3])}): put back"
            self._report(state="noticed", what=what)
        return changed


def _parts(names: set[str]) -> Iterator[tuple[Any, str, Any]]:
    """Yield the functions and classes of the modules, with the place of each."""
    for module in [sys.modules[name] for name in names if name in sys.modules]:
        for name, part in list(vars(module).items()):
            if isinstance(part, type) and part.__module__ == module.__name__:
                yield from _methods(part)
            if callable(part):
                yield module, name, part


def _methods(owner: type) -> Iterator[tuple[type, str, Any]]:
    if owner.__module__ != "builtins":  # which cannot be changed
        for name, part in list(vars(owner).items()):
            if isinstance(part, FunctionType):
                yield owner, name, part
