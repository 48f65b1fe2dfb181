"""What the tests of a task get: the answer, servers, programs, predictions.

pytest loads this module as a plugin, so a test asks for a fixture by its name. What one
exercise set needs is in its ``conftest.py``, and what one task needs, in the task.

The answer and the fixtures share a process. What they talk to is real: servers and
programs in their own processes. :data:`CONTEXT` starts them, by fork on Linux and by
spawn elsewhere. A spawned child cannot import a task, whose name is no identifier: see
:func:`there`.
"""

import atexit
import contextlib
import functools
import importlib.util
import itertools
import multiprocessing
import os
import queue
import re
import runpy
import signal
import socket
import stat
import sys
import threading
import time
import tomllib
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.managers import BaseManager, SyncManager
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest

from labkit.grader.runner import cut
from labkit.grader.tasks import points

__all__ = [
    "CONTEXT", "START_METHODS", "Answer", "Call", "ManagerServer", "Plain", "Prediction",
    "Program", "Script", "StopChecksError", "ask", "client_of", "load",
    "obey", "points", "shown", "there", "until",
]  # fmt: skip

PATIENCE_S = 3.0  # how long a call may take when nothing is left for it to wait for
CONTEXT: Any = multiprocessing.get_context(
    "fork" if sys.platform == "linux" else "spawn"
)
# Spawn, which every machine has, comes first.
START_METHODS = sorted(multiprocessing.get_all_start_methods(), reverse=True)
ANSWER = Path("answer.py").resolve()  # a task may go to another folder
_Because = str | Callable[[], str]

_EXPLAIN = tomllib.loads(Path(__file__).with_name("errors.toml").read_text("utf-8"))


def _explained(said: str, otherwise: str = "") -> str:
    """Return what an error of these words most likely means."""
    return next((_EXPLAIN[words] for words in _EXPLAIN if words in said), otherwise)


def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Wait until a condition holds; say whether it does."""
    pause, deadline = threading.Event(), time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.01)
    return bool(condition())


# --- values in messages ---------------------------------------------------------------

_PLAIN = (str, bytes, bytearray, int, float, list, tuple, dict, set, frozenset, type)


def shown(value: object) -> str:
    """Write a value for a message: plain ones in at most 200 signs, else the class."""
    if isinstance(value, BaseException):
        return f"{type(value).__name__}({_words_of(value)!r})"
    if isinstance(value, bytes | bytearray) and len(value) > 40:
        return f"{len(value)} bytes"
    if value is None or isinstance(value, _PLAIN):
        return cut(repr(value), 200)
    return f"an object of the class {type(value).__name__}"


def _words_of(error: BaseException) -> str:
    """Return what an error says, in one short line; of a traceback, the last line."""
    text = str(error).strip(" -\n")
    text = text.split("\n")[-1] if "Traceback" in text else text
    return cut(" ".join(text.split()), 250)


def _plain(value: object) -> object:
    """Return a value as its built-in type: no subclass decides what it is equal to."""
    if isinstance(value, type) and issubclass(value, BaseException):
        return _plain(value.__name__)  # which a metaclass may have made
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value


_STRANGE = object(), "no word of any task", b"\0", -0.123456789, [object()], (object(),)


def _equals_anything(value: Any) -> bool:
    inside = value.values() if isinstance(value, dict) else value
    inside = inside if isinstance(value, list | tuple | dict) else ()
    found = any(value == other for other in _STRANGE)
    return found or any(map(_equals_anything, inside))


# --- the answer -----------------------------------------------------------------------


class StopChecksError(AssertionError):
    """A check failed, and the others would wait as long or say the same: none follows."""


class Call:
    """A call of one of the answer's functions, in a thread.

    A thread that never ends can still be looked at: the feedback names its line.
    """

    def __init__(
        self, words: str, function: Callable[[], object], source: Path
    ) -> None:
        self.value: object = None  # what it returned, once it has ended
        self.error: BaseException | None = None  # what it raised
        self._words, self._function, self._source = words, function, source
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return self._words

    def _run(self) -> None:
        try:
            self.value = self._function()
        except BaseException as error:  # noqa: BLE001 - whatever an answer raises is looked at
            self.error = error

    def ended_within(self, seconds: float) -> bool:
        """Wait until the call has ended, at most so long, and say whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def ends(self, because: _Because, within_s: float = PATIENCE_S) -> Self:
        """Wait until the call has returned or raised; else raise StopChecksError.

        `because` says, or is a function that says then, why an answer that waits for
        the server most likely does so for ever.
        """
        if self.ended_within(within_s):
            return self
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - documented for this
        frames = traceback.extract_stack(frame)
        place = _last_line(frames, self._source) or " outside its own lines"
        files = {one.filename for one in frames}
        because = because() if callable(because) else because
        if not any("multiprocessing" in f or f.endswith("wire.py") for f in files):
            because = "It asks no server there: a loop has no way out."
        raise StopChecksError(
            f"{self} was still running after {within_s:g} s,{place}; expected it to "
            f"end. {because}"
        )

    def returns(
        self,
        because: _Because,
        within_s: float = PATIENCE_S,
        advice: str = "Nothing here should raise.",
    ) -> Any:
        """Wait for the call as :meth:`ends` does, and return what it returned.

        Raise AssertionError if it raised, or if what it returned claims to be equal to
        everything; `advice` is for errors that nothing is known of here.
        """
        error = self.ends(because, within_s).error
        if error is None:
            assert not _equals_anything(self.value), (
                f"{self} returned {shown(self.value)}, which is equal to everything; "
                "expected a value that can be compared."
            )
            return self.value
        kind, words = type(error).__name__, _words_of(error)
        detail = f" ({words})" if words else ""
        line = _last_line(traceback.extract_tb(error.__traceback__), self._source)
        raise AssertionError(
            f"{self} raised {kind}{detail}{line}; expected it to return. "
            f"{_explained(f'{kind}: {words}', advice)}"
        ) from error

    @property
    def outcome(self) -> str:
        """What it did, to follow its name: ``returned 3``, ``raised ValueError``."""
        if self.error is None:
            return f"returned {shown(self.value)}"
        return f"raised {type(self.error).__name__}"


def _last_line(frames: traceback.StackSummary, source: Path) -> str:
    """Say at which line of the answer the innermost of these frames is."""
    own = [frame for frame in frames if frame.filename == str(source)]
    return f" at line {own[-1].lineno}: `{own[-1].line}`" if own else ""


class Answer:
    """The learner's answer, loaded as a module; else a StopChecksError says why not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        loading = Call("Loading the answer", lambda: load(path), path)
        try:
            self.module = loading.returns("Nothing at its top level may wait.")
        except AssertionError as error:
            raise StopChecksError(str(error)) from error

    def again(self) -> "Answer":
        """Load it once more, as another program would: the two share no variables."""
        return Answer(self.path)

    def call(self, function: str, /, **given: object) -> Call:
        """Call a function with these arguments, by position: names are for feedback."""
        found = getattr(self.module, function, None)
        assert callable(found), (
            f"The answer has no function {function}(); keep the task's names."
        )
        plain = (str, int, float, bytes, list, tuple, type(None))
        words = (
            repr(value) if isinstance(value, plain) and len(repr(value)) <= 40 else name
            for name, value in given.items()
        )
        run = functools.partial(found, *given.values())
        return Call(f"{function}({', '.join(words)})", run, self.path)


@pytest.fixture
def answer() -> Answer:
    """Load the answer afresh, so that no check sees what another left."""
    return Answer(ANSWER)


class Prediction:
    """What the answer says will happen, story by story, compared with what happened.

    A wrong line is answered with what it overlooks, never with the right value.
    """

    def __init__(self, answer: Answer, function: str, words: Sequence[str]) -> None:
        self._call, self._words = answer.call(function), words
        said = self._call.returns("It only has to return a dictionary.")
        assert isinstance(said, dict), (
            f"{self._call} returned {shown(said)}; expected the dictionary of the task."
        )
        self._said = {_plain(key): _plain(said[key]) for key in said}

    def must_be(self, story: str, truth: object, why: str, also: object = None) -> None:
        """Compare the line of a story with what happened, or `also` may happen.

        `why` says what somebody overlooks who says something else.
        """
        assert story in self._said, (
            f"{self._call} says nothing of {story!r}; keep the words of the task."
        )
        said = self._said[story]
        if isinstance(said, str) and not self._words:
            said = said.rpartition(".")[2].removesuffix("()")  # queue.Empty is Empty
        kinds = {int: "a number", list: "a list", str: "a word of the task, in quotes"}
        wanted = " or ".join(map(repr, self._words)) or kinds[type(truth)]
        kind = type(said) in ((int, str) if type(truth) is str else (type(truth),))
        fits = kind and (not self._words or said in self._words)
        assert fits, f"{story!r}: you said {shown(said)}; expected {wanted}."
        assert said in (truth, truth if also is None else also), (
            f"{story!r}: you said {shown(said)}, and that is not what happens. {why}"
        )


@pytest.fixture
def prediction(answer: Answer, request: pytest.FixtureRequest) -> Prediction:
    """Ask the function that the task names in PREDICTS, in WORDS if it has those."""
    module = request.module
    return Prediction(answer, module.PREDICTS, getattr(module, "WORDS", ()))


# --- other processes ------------------------------------------------------------------


def load(path: Path, name: str = "answer") -> ModuleType:
    """Load a file as a module."""
    spec: Any = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def there(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function or class of a task's file one that a spawned child can find."""
    file = str(sys.modules[function.__module__].__file__)
    return functools.partial(_call_there, file, function.__qualname__)


def _call_there(file: str, name: str, /, *args: object, **named: object) -> Any:
    loaded = (m for m in sys.modules.values() if vars(m).get("__file__") == file)
    module = next(loaded, None) or load(Path(file), f"task {file}")
    return getattr(module, name)(*args, **named)


_hosted: dict[str, "queue.Queue[Any]"] = {}  # filled in the server process only


def _host(name: str, maxsize: int = 0) -> "queue.Queue[Any]":
    return _hosted.setdefault(name, queue.Queue(maxsize))


class Plain(SyncManager):
    """What a server offers by default: named queues, and what SyncManager has."""


Plain.register("get_queue", callable=_host)
Plain.register("get_orders", callable=functools.partial(_host, "orders", 3))
Plain.register("get_task_queue", callable=functools.partial(_host, "tasks"))
Plain.register("get_result_queue", callable=functools.partial(_host, "results"))


_numbers = itertools.count(1)


class _Killed:
    """What is killed when its ``with`` block ends."""

    process: Any

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End its process at once, as a power cut would. Idempotent."""
        self.process.kill()
        self.process.join()


def _lent(start: Callable[..., _Killed]) -> Any:
    """Make a fixture of what starts something; it is killed when the check ends."""

    def lend() -> Iterator[Callable[..., _Killed]]:
        with contextlib.ExitStack() as ended:
            yield lambda *args, **named: ended.enter_context(start(*args, **named))

    return pytest.fixture(lend)


class ManagerServer(_Killed):
    """A server in a process; by default the standard library's, with nothing of labkit.

    The callables that the manager `offers` can be sent to a child: see :func:`there`.
    """

    def __init__(
        self, offers: Any = Plain, address: Any = ("127.0.0.1", 0), authkey: bytes = b""
    ) -> None:
        self.offers, self.authkey = offers, authkey or os.urandom(16)
        self.manager = offers(address, self.authkey, ctx=CONTEXT)
        self.manager.start(_forget_the_answer)
        self.address = self.manager.address
        self.process = self.manager._process  # noqa: SLF001 - it has no public name

    def client(self, address: Any = None) -> Any:
        """Connect another manager to it, through `address` if that is a tap's."""
        client = self.offers(address or self.address, self.authkey)
        client.connect()
        return client

    def queue(self, holding: Iterable[object] = (), maxsize: int = 0) -> Any:
        """Host a new queue that holds some items; return its proxy, with its name."""
        name = f"queue {next(_numbers)}"
        proxy = self.manager.get_queue(name, maxsize)
        proxy.name = name
        for item in holding:
            proxy.put(item)
        return proxy


def _forget_the_answer() -> None:
    # A real server has never heard of what a client's program defines.
    sys.path[:] = [path for path in sys.path if path != str(ANSWER.parent)]
    sys.modules.pop("answer", None)


@pytest.fixture(scope="module")
def server() -> Iterator[ManagerServer]:
    """Lend one plain server to all checks of a task."""
    with ManagerServer() as server:
        yield server


serve = _lent(ManagerServer)


@pytest.fixture
def queue_server(serve: Callable[..., ManagerServer]) -> ManagerServer:
    """Lend a queue server of labkit's."""
    from labkit import QueueManager  # only for tasks that ask for it

    return serve(QueueManager)


def client_of(address: Any, authkey: bytes, *names: str) -> Any:
    """Connect a client of the standard library that has registered these names."""
    client: Any = type("Client", (BaseManager,), {})
    for name in names:
        client.register(name)
    manager = client(address, authkey)
    manager.connect()
    return manager


def ask(what: str, action: Callable[[], Any], advice: str) -> Any:
    """Do what a client does, and return its result; say in words what went wrong."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        raise AssertionError(
            f"A client's {what} raised {type(error).__name__}: {_words_of(error)}; "
            f"expected it to work. {advice}"
        ) from None


class Program(_Killed):
    """A function of a task's file in its own process; its end of a pipe comes first."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self._wire, end = CONTEXT.Pipe()
        self._output = Path(f"program {next(_numbers)}.txt").resolve()
        self._output.touch()
        play = (str(self._output), there(function), end, args)
        self.process = CONTEXT.Process(target=_play, args=play)
        self.process.start()
        end.close()
        wait([self._wire, self.process.sentinel], 20)  # without fork, a start is slow
        self._heard: list[Any] = []

    def heard(self) -> list[Any]:
        """Return all that it has sent so far."""
        with contextlib.suppress(EOFError, OSError):
            while self._wire.poll(0):
                self._heard.append(self._wire.recv())
        return self._heard[1:]  # the first word is that it has started

    def tell(self, message: object) -> None:
        """Send it something; if it has ended, the check is going to see that."""
        with contextlib.suppress(OSError):
            self._wire.send(message)

    def signal(self, name: str) -> None:
        """Send it SIGINT or SIGTERM; on Windows it raises the signal itself."""
        if os.name == "posix":
            os.kill(self.process.pid, getattr(signal, name))
        else:
            self.tell(name)

    def ends(self, within_s: float = PATIENCE_S) -> int | None:
        """Wait for its end; return its exit code, or None if it goes on."""
        self.process.join(within_s)
        return self.process.exitcode  # type: ignore[no-any-return]

    def said(self) -> str:
        """Return what it printed, errors included."""
        return self._output.read_text(encoding="utf-8", errors="replace").strip()


def _play(
    output: str, function: Callable[..., object], wire: Any, args: Sequence[object]
) -> None:
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = sys.__stdout__ = open(1, "w", 1, "utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115 - open until the process ends
    sys.stderr = open(2, "w", 1, "utf-8", closefd=False)  # noqa: SIM115 - likewise
    signal.signal(signal.SIGINT, signal.default_int_handler)
    atexit._clear()  # noqa: SLF001 - what this process inherited by fork
    wire.send(None)  # it has started
    try:
        function(wire, *args)
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 - a child of multiprocessing leaves them out


class Script(Program):
    """The answer as its own program, as ``python server.py`` would run it.

    `port`, or a free one, takes the place of 50000 in its text, so that answers run
    side by side; `method` is the start method that its Python has by default.
    """

    def __init__(self, name: str, port: int = 0, method: str = "spawn") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = port or free.getsockname()[1]
        self.name, self.method = name, method
        self._text = ANSWER.read_text(encoding="utf-8")
        path = ANSWER.with_name(f"{next(_numbers)}") / name
        path.parent.mkdir()
        path.write_text(re.sub(r"\b50_?000\b", str(self._port), self._text), "utf-8")
        super().__init__(_run_script, str(path), method)

    def __str__(self) -> str:
        return f"{self.name} (start method {self.method})"

    def trouble(self) -> str:
        """Say which error it has printed, where and why; nothing if none."""
        said = self.said()
        found = re.finditer(r"(?m)^(?:\w+\.)*(\w*(?:Error|Empty|Full)\b.*)$", said)
        # When a child dies, its parent only sees that: EOFError.
        errors = sorted(found, key=lambda one: one[1].startswith("EOFError"))
        if not errors:
            return ""
        lines = re.findall(rf'{self.name}", line (\d+)', said[: errors[0].start()])
        code = self._text.split("\n")[int(lines[-1]) - 1].strip() if lines else ""
        place = f" at line {lines[-1]}: `{code}`" if lines else ""
        error = errors[0][1]
        return f"{self} raised {cut(error, 250)}{place}. {_explained(error)}".strip()

    def must_end(self, because: str, code: int = 0, within_s: float = 5.0) -> None:
        """Fail unless it ends, without a traceback and with this exit code."""
        ended = self.ends(within_s)
        assert ended is not None, (
            f"{self} was still running after {within_s:g} s; expected it to end. {because}"
        )
        assert not self.trouble(), self.trouble()
        assert ended == code, (
            f"{self} ended with exit code {ended}; expected {code}. {because}"
        )

    def queues(self, authkey: bytes, *names: str) -> list[Any]:
        """Let a new client ask for each queue by its name; return the proxies.

        It waits until the server that this program should be is there.
        """
        found: list[Any] = []

        def connects() -> bool:
            with contextlib.suppress(EOFError, OSError):
                found.append(client_of(("127.0.0.1", self._port), authkey, *names))
            return bool(found or not self.process.is_alive())

        try:
            until(connects, 5)
        except multiprocessing.AuthenticationError:
            raise AssertionError(
                f"{self} refused a client with the key {authkey!r}; expected it to let "
                f"that client in. {_explained('AuthenticationError')}"
            ) from None
        assert found, self.trouble() or (
            f"Nothing listens at 127.0.0.1, port 50000, while {self} runs, or it has ended "
            "already; expected a server there. get_server() makes one, and "
            "serve_forever() serves until it is stopped."
        )
        advice = "Register a function that returns the queue, under this name."
        return [ask(f"{one}()", getattr(found[0], one), advice) for one in names]


def obey(wire: Any) -> None:
    """Raise the signal that :meth:`Program.signal` sends where there is none."""

    def listen() -> None:
        signal.raise_signal(getattr(signal, wire.recv()))

    if os.name != "posix":
        threading.Thread(target=listen, daemon=True).start()


def _run_script(wire: Any, path: str, method: str) -> None:
    obey(wire)
    # As set_start_method() does, but an answer can still call that itself.
    default: Any = multiprocessing.get_context.__self__  # type: ignore[attr-defined]
    default.__init__(multiprocessing.get_context(method))
    sys.argv[:] = [path]
    sys.path.insert(0, str(Path(path).parent))
    runpy.run_path(path, run_name="__main__")


program, script = _lent(Program), _lent(Script)


@pytest.fixture(autouse=True, scope="module")
def no_delay(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set TCP_NODELAY on connections of managers, but for a task of PLAIN_SOCKETS.

    Without it each connection costs pauses of 44 ms, a check's whole second.
    """
    make = Connection.__init__

    def hurried(self: Any, handle: int, *args: Any, **named: Any) -> None:
        make(self, handle, *args, **named)
        with contextlib.suppress(OSError):
            # Of a pipe the copy would stay open, and its reader would never see an end.
            if stat.S_ISSOCK(os.fstat(handle).st_mode):
                with socket.socket(fileno=os.dup(handle)) as wire:
                    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    with pytest.MonkeyPatch.context() as patch:
        if not hasattr(request.module, "PLAIN_SOCKETS"):
            patch.setattr(Connection, "__init__", hurried)
        yield
