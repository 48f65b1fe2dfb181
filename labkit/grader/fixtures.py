"""What the tests of a task get: the answer, servers, programs, predictions.

pytest loads this module as a plugin (see :mod:`.runner`), so a test asks for a fixture
by its name: ``answer``, ``server``, ``doomed_server``, ``plain``, ``queue_server``,
``program`` and ``prediction``. What only one exercise set needs is in the ``conftest.py``
of that set, and what only one task needs, in the task.

Fixtures and answers share a process, and what they talk to is real: manager servers and
programs in processes of their own, over real sockets. :data:`CONTEXT` starts them by
fork on Linux, which takes 5 ms, and by spawn elsewhere; ``LABKIT_START_METHOD`` chooses
another method. A spawned child cannot import a task, whose name is no identifier:
:class:`there` finds its functions by file.
"""

import contextlib
import functools
import importlib.util
import itertools
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.managers import BaseManager, SyncManager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

from labkit.grader.tasks import points

__all__ = [
    "CONTEXT", "Answer", "AnswerError", "Call", "PlainServer", "Prediction", "Program",
    "QueueServer", "StillRunningError", "ask", "client_of", "ended_with", "load", "plain_value", "points",
    "shown", "there", "until",
]  # fmt: skip

PATIENCE_S = 3.0
"""How long a call may take when nothing is left for it to wait for."""

CONTEXT: Any = multiprocessing.get_context(
    os.environ.get("LABKIT_START_METHOD")
    or ("fork" if sys.platform == "linux" else "spawn")
)
"""What starts the processes of the fixtures."""

_EXPLAIN = {
    "Empty": "get() raises queue.Empty when nothing came in time: catch that class.",
    "Full": "put_nowait() raises queue.Full when there is no room; put() waits.",
    "NameError": "Import at the top of the answer what it uses.",
    "has no len()": "A proxy forwards method calls, and len() is none: use qsize().",
    "not iterable": "A proxy forwards method calls, not iteration: call get().",
    "positional argument": "Keep the parameters that the task gives.",
    "called too many times": "Call task_done() once for each get(), never twice.",
}
"""What an error most likely means, by its class or by words in its message."""


# --- the answer -----------------------------------------------------------------------


class AnswerError(AssertionError):
    """The answer could not be loaded: no check can say anything about it."""


class StillRunningError(AssertionError):
    """A call goes on for ever: further checks would wait as long, so none follows."""


def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Wait until a condition holds; say whether it does."""
    pause, deadline = threading.Event(), time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        pause.wait(0.01)
    return bool(condition())


def shown(value: object) -> str:
    """Write a value for a message: what is plain in at most 200 signs, else its type."""
    if isinstance(value, BaseException):
        text = f"{type(value).__name__}({_readable(str(value))!r})"
    elif isinstance(value, bytes | bytearray) and len(value) > 40:
        text = f"{len(value)} bytes"
    elif value is None or isinstance(value, _PLAIN):
        text = repr(value)
    else:
        text = f"an object of the class {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:150]} ... {text[-30:]}"


_PLAIN = (str, bytes, bytearray, int, float, list, tuple, dict, set, frozenset, type)


def plain_value(value: object) -> object:
    """Return a value as its built-in type: no subclass decides what it is equal to."""
    if isinstance(value, type) and issubclass(value, BaseException):
        return value.__name__
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    if isinstance(value, list | tuple):
        return [plain_value(one) for one in value]
    return value


def _equals_anything(value: Any) -> bool:
    inside: Any = value if isinstance(value, list | tuple) else ()
    inside = value.values() if isinstance(value, dict) else inside
    return bool(value == _NOTHING) or any(map(_equals_anything, inside))


_NOTHING = object()


class Call:
    """A call of one of the answer's functions, running in a thread.

    A thread that never ends can still be looked at: the feedback names its line.

    Attributes
    ----------
    value : object
        What it returned, once it has ended.
    error : BaseException or None
        What it raised.
    """

    def __init__(
        self, words: str, function: Callable[[], object], source: Path
    ) -> None:
        self.value: object = None
        self.error: BaseException | None = None
        self._words, self._function, self._source = words, function, source
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return self._words

    def _run(self) -> None:
        try:
            self.value = self._function()
        except BaseException as error:  # noqa: BLE001 - whatever an answer raises is looked at
            self.error = error
        self._ended.set()

    def ended_within(self, seconds: float) -> bool:
        """Wait until the call has ended, at most so long, and say whether it has."""
        return self._ended.wait(seconds)

    def ends(self, because: str, within_s: float = PATIENCE_S) -> "Call":
        """Wait for the end of the call, whether it returns or raises.

        Parameters
        ----------
        because : str
            Why an answer that waits for the server most likely does so for ever.
        within_s : float
            How long it may take, in seconds.

        Raises
        ------
        StillRunningError
            It goes on; the message names the line.
        """
        if self.ended_within(within_s):
            return self
        raise self.still_running(because, within_s)

    def still_running(self, because: str, after_s: float) -> StillRunningError:
        """Make the error of a call that goes on; the parameters are as in `ends`."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - documented for this
        frames = list(traceback.walk_stack(frame))[::-1] if frame else []
        place = _last_line(frames, self._source) or " outside its own lines"
        files = {frame.f_code.co_filename for frame, _ in frames}
        if not any("multiprocessing" in f or f.endswith("wire.py") for f in files):
            because = "It asks no server there: a loop has no way out."
        return StillRunningError(
            f"{self} was still running after {after_s:g} s,{place}; "
            f"expected it to end. {because}"
        )

    def returns(
        self,
        because: str,
        within_s: float = PATIENCE_S,
        advice: str = "Nothing here should raise.",
    ) -> Any:
        """Wait for the call to return, and return what it returned.

        Parameters
        ----------
        because, within_s
            As in :meth:`ends`.
        advice : str
            What to do about an error that nothing is known of here.

        Raises
        ------
        StillRunningError
            It goes on.
        AssertionError
            It raised, and the message says what, and where; or it returned something
            that claims to be equal to whatever it is compared with.
        """
        error = self.ends(because, within_s).error
        if error is None:
            assert not _equals_anything(self.value), (
                f"{self} returned {shown(self.value)}, which is equal to everything; "
                "expected a value that can be compared."
            )
            return self.value
        said = "".join(traceback.format_exception_only(error)).strip().split("\n")[-1]
        advice = next((_EXPLAIN[key] for key in _EXPLAIN if key in said), advice)
        detail = f" ({_readable(str(error))})" if str(error) else ""
        line = _last_line(traceback.walk_tb(error.__traceback__), self._source)
        raise AssertionError(
            f"{self} raised {type(error).__name__}{detail}{line}; expected it to "
            f"return. {advice}"
        ) from error

    @property
    def outcome(self) -> str:
        """What it did, to follow its name: ``returned 3``, ``raised ValueError``."""
        if self.error is None:
            return f"returned {shown(self.value)}"
        return f"raised {type(self.error).__name__}"


def ended_with(error: BaseException | None) -> str:
    """Write how a call ended: ``no error``, or the error."""
    return "no error" if error is None else shown(error)


def _last_line(frames: Iterable[tuple[FrameType, int]], source: Path) -> str:
    """Say at which line of the answer the innermost of these frames is."""
    numbers = [
        line for frame, line in frames if frame.f_code.co_filename == str(source)
    ]
    if not numbers:
        return ""
    text = source.read_text(encoding="utf-8").split("\n")[numbers[-1] - 1].strip()
    return f" at line {numbers[-1]}: `{text}`"


def _readable(text: str) -> str:
    """Return a text in one line, at most 300 signs, control characters as escapes."""
    cut = text if len(text) <= 300 else f"{text[:200]} ... {text[-60:]}"
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in cut)


class Answer:
    """The learner's answer, loaded as a module.

    Attributes
    ----------
    path : Path
        The file that holds it.

    Raises
    ------
    AnswerError
        Running its top level raised, or never ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        run = functools.partial(load, path, "answer")
        loading = Call("Loading the answer", run, path)
        try:
            self.module = loading.returns("Nothing at its top level may wait.")
        except AssertionError as error:
            raise AnswerError(str(error)) from error

    def again(self) -> "Answer":
        """Load it once more, as another program would: the two share no variables."""
        return Answer(self.path)

    def call(self, function: str, /, **given: object) -> Call:
        """Call a function of the answer, in a thread.

        Parameters
        ----------
        function : str
            Its name.
        **given
            The arguments, in order: they are passed by position, and named so that
            the feedback can show the call in words.

        Raises
        ------
        AssertionError
            The answer has no such function.
        """
        found = getattr(self.module, function, None)
        if not callable(found):
            raise AssertionError(  # noqa: TRY004 - a check that fails, not a misuse
                f"The answer has no function {function}(); keep the task's names."
            )
        words = (_as_argument(name, value) for name, value in given.items())
        # By position: a learner may rename the parameters.
        run = functools.partial(found, *given.values())
        return Call(f"{function}({', '.join(words)})", run, self.path)


def _as_argument(name: str, value: object) -> str:
    plain = value is None or isinstance(value, str | int | float | bytes | list | tuple)
    return repr(value) if plain and len(repr(value)) <= 40 else name


@pytest.fixture
def answer(answer_path: Path) -> Answer:
    """Load the answer afresh, so that no check sees what another left."""
    return Answer(answer_path)


# --- predictions ----------------------------------------------------------------------


class Prediction:
    """What the answer says will happen, story by story, compared with what happened.

    The task names the answer's function in ``PREDICTS``, and in ``WORDS`` the words to
    choose from, if there are any. A wrong line is answered with what the belief behind
    it overlooks, never with the right value: asking the check solves nothing.
    """

    def __init__(
        self, answer: Answer, function: str, words: Sequence[str] = ()
    ) -> None:
        self._call = answer.call(function)
        said = self._call.returns("It only has to return a dictionary.")
        assert isinstance(said, dict), (
            f"{self._call} returned {shown(said)}; expected the dictionary of the task."
        )
        self._words = words
        self._said = {plain_value(key): plain_value(said[key]) for key in said}

    def must_be(self, story: str, truth: object, why: str, also: object = None) -> None:
        """Compare one line with what happened.

        Parameters
        ----------
        story : str
            The key in the answer's dictionary.
        truth : str, int or list
            What happened.
        why : str
            What somebody overlooks who says something else.
        also : object
            What is as right as the truth, if there is such a thing.
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
        fits = said in self._words if self._words else kind
        assert fits, f"{story!r}: you said {shown(said)}; expected {wanted}."
        assert said in (truth, also if also is not None else truth), (
            f"{story!r}: you said {shown(said)}, and that is not what happens. {why}"
        )


@pytest.fixture
def prediction(answer: Answer, request: pytest.FixtureRequest) -> Prediction:
    """Ask the answer for its predictions, with the names of the task's module."""
    words = getattr(request.module, "WORDS", ())
    return Prediction(answer, request.module.PREDICTS, words)


# --- other processes ------------------------------------------------------------------


class there:  # noqa: N801 - used as a function is
    """A function or class of a task's file that a spawned child can find, by its file."""

    def __init__(self, function: Callable[..., Any]) -> None:
        module = sys.modules[function.__module__]
        self._file, self._name = str(module.__file__), function.__qualname__

    def __call__(self, *args: object, **named: object) -> Any:
        return getattr(_module_at(self._file), self._name)(*args, **named)


@functools.cache
def _module_at(file: str) -> ModuleType:
    """Find the module that was loaded from a file, or load it."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == file:
            return module
    return load(Path(file), f"task at {file}")


def load(path: Path, name: str = "answer") -> ModuleType:
    """Load a file as a module; in a program of the checks, the answer."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_hosted: dict[str, "queue.Queue[Any]"] = {}  # filled in the server process only


def _host(name: str, maxsize: int = 0) -> "queue.Queue[Any]":
    return _hosted.setdefault(name, queue.Queue(maxsize))


class Plain(SyncManager):
    """What a plain server offers by default: named queues, and what SyncManager has."""


Plain.register("get_queue", callable=_host)


class PlainServer:
    """A server of the standard library, with nothing of labkit in it, in a process.

    Parameters
    ----------
    offers : subclass of BaseManager
        What it offers; its callables can be sent to a child: see :class:`there`.
    address, authkey
        As for a manager; a free port and a random key by default.
    """

    def __init__(
        self,
        offers: Any = Plain,
        address: tuple[str, int] = ("127.0.0.1", 0),
        authkey: bytes = b"",
    ) -> None:
        self.authkey = authkey or os.urandom(16)
        self.offers = offers
        self.manager: Any = offers(address, self.authkey, ctx=CONTEXT)
        self.manager.start()
        self.address = self.manager.address
        self.process = self.manager._process  # noqa: SLF001 - it has no public name
        self._names = (f"queue {number}" for number in itertools.count(1))

    def client(self, address: Any = None) -> Any:
        """Connect another manager to it, through `address` if that is a tap's."""
        client = self.offers(address or self.address, self.authkey)
        client.connect()
        return client

    def queue(self, holding: Sequence[object] = (), maxsize: int = 0) -> Any:
        """Host a new queue that holds some items; return its proxy."""
        proxy = self.manager.get_queue(next(self._names), maxsize)
        for item in holding:
            proxy.put(item)
        return proxy

    def kill(self) -> None:
        """End the server's process at once, as a power cut would. Idempotent."""
        self.process.kill()
        self.process.join()


class QueueServer:
    """A queue server of labkit's, in a process."""

    def __init__(self, address: Any = ("127.0.0.1", 0), authkey: bytes = b"") -> None:
        from labkit import QueueManager  # only for tasks that ask for it

        self.authkey = authkey or os.urandom(16)
        self.manager: Any = QueueManager(address, self.authkey, ctx=CONTEXT)
        self.manager.start()
        self.address = self.manager.address
        self._names = (f"queue {number}" for number in itertools.count(1))

    def queue(self, holding: Iterable[object] = ()) -> Any:
        """Host a new queue that holds some items; return its proxy, with its name."""
        name = next(self._names)
        proxy = self.manager.get_queue(name)
        proxy.name = name
        proxy.put_many(list(holding))
        return proxy

    def stop(self) -> None:
        """Stop it as SIGTERM does: its clients are told."""
        self.manager.shutdown()

    def kill(self) -> None:
        """End it at once, as a power cut would. Idempotent."""
        process = self.manager._process  # noqa: SLF001 - it has no public name
        process.kill()
        process.join()


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
        last = _readable(str(error).strip(" -\n").split("\n")[-1].strip())
        raise AssertionError(
            f"A client's {what} raised {type(error).__name__}: {last}; expected it to "
            f"work. {advice}"
        ) from None


@pytest.fixture(scope="module")
def server() -> Iterator[PlainServer]:
    """Lend one plain server to all checks of a task."""
    server = PlainServer()
    yield server
    server.kill()


@pytest.fixture
def plain() -> Iterator[Callable[..., PlainServer]]:
    """Lend a function that starts plain servers, with the parameters of PlainServer."""
    with contextlib.ExitStack() as ended:

        def start(*args: Any, **named: Any) -> PlainServer:
            server = PlainServer(*args, **named)
            ended.callback(server.kill)
            return server

        yield start


@pytest.fixture
def doomed_server(plain: Callable[..., PlainServer]) -> PlainServer:
    """Lend a plain server that the check is going to kill."""
    return plain()


@pytest.fixture
def queue_server() -> Iterator[QueueServer]:
    """Lend a queue server of labkit's."""
    server = QueueServer()
    yield server
    server.kill()


class Program:
    """A function in a process of its own, with which the check talks over a pipe.

    Parameters
    ----------
    function : callable
        Of a task's or a set's file; called with its end of the pipe, then `args`.
    """

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self._wire, end = CONTEXT.Pipe()
        self._output = Path(f"program {next(_numbers)}.txt").resolve()
        play = (str(self._output), there(function), end, args)
        self.process = CONTEXT.Process(target=_play, args=play)
        self.process.start()
        end.close()
        self._heard: list[Any] = []

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def heard(self) -> list[Any]:
        """Return all that it has sent so far."""
        with contextlib.suppress(EOFError, OSError):
            while self._wire.poll(0):
                self._heard.append(self._wire.recv())
        return self._heard

    def sends(self, message: object, within_s: float = PATIENCE_S) -> bool:
        """Wait until it has sent a message; False if it has ended without that."""
        until(lambda: message in self.heard() or not self.process.is_alive(), within_s)
        return message in self.heard()

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
        self.heard()
        code: int | None = self.process.exitcode
        return code

    def said(self) -> str:
        """Return what it printed, errors included."""
        return self._output.read_text(encoding="utf-8", errors="replace").strip()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self.process.join()
        self.heard()


_numbers = itertools.count(1)


def _play(
    output: str, function: Callable[..., object], wire: Any, args: Sequence[object]
) -> None:
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = sys.__stdout__ = open(1, "w", 1, "utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115, PTH123
    sys.stderr = open(2, "w", 1, "utf-8", closefd=False)  # noqa: SIM115, PTH123 - open until the process ends
    signal.signal(signal.SIGINT, signal.default_int_handler)
    function(wire, *args)


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    """Lend a function that starts programs, with the parameters of Program."""
    with contextlib.ExitStack() as ended:
        yield lambda *args: ended.enter_context(Program(*args))


@pytest.fixture(autouse=True, scope="module")
def no_delay(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set TCP_NODELAY on connections of managers, but for a task of PLAIN_SOCKETS.

    Without it each connection costs pauses of 44 ms (Nagle's algorithm against delayed
    acknowledgements), and a check would spend its second waiting for them.
    """
    family = multiprocessing.connection
    connect, accept = family.SocketClient, family.SocketListener.accept  # type: ignore[attr-defined]

    def hurried(connection: Any) -> Any:
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(connection.fileno())) as own,
        ):
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        if not hasattr(request.module, "PLAIN_SOCKETS"):
            patch.setattr(family, "SocketClient", lambda place: hurried(connect(place)))
            listener = family.SocketListener  # type: ignore[attr-defined]
            patch.setattr(listener, "accept", lambda self: hurried(accept(self)))
        yield
