"""01.5: a shop is open while somebody works in it, and leaves nothing behind."""

import multiprocessing
import multiprocessing.resource_tracker
import os

from labkit.grader.fixtures import CONTEXT, ask, client_of, points, shown

SERVES_HERE = (
    "serve_forever() in this process never lets the next line run: start() makes a "
    "child process that serves."
)
ASK_THERE = (
    "The queue that is served lives in the child: ask it through the manager, before "
    "shutdown()."
)


def _orders(address, key):
    if isinstance(address, tuple):
        _must_be_ours(address)
    advice = "Register the name get_orders, and pass the server's own address and key."
    return ask(
        "get_orders()",
        lambda: client_of(address, key, "get_orders").get_orders(),
        advice,
    )


def _must_be_ours(address):
    """Fail unless a host and port are real, and open to this machine alone."""
    assert address[0] in {"127.0.0.1", "localhost"}, (
        f"work(address, key) was given the host {shown(address[0])}; expected '127.0.0.1'. "
        "'0.0.0.0' and '' are open to the whole network."
    )
    assert address[1] != 0, (
        "work(address, key) was given port 0; expected the port that the system chose. "
        "A manager knows it after start()."
    )


def _open(answer, work):
    """Call open_shop(), and raise what `work` found out."""
    found = []

    def watched(address, key):
        try:
            work(address, key)
        except AssertionError as error:
            found.append(error)
            raise

    call = answer.call("open_shop", work=watched, context=CONTEXT)
    call.ends(SERVES_HERE)
    for error in found:
        raise error
    return call


def _must_have_ended(how):
    left = multiprocessing.active_children()
    for process in left:
        process.kill()
        process.join()
    assert not left, (
        f"open_shop(work, context) left its server running {how}; expected it to have ended. End it under finally, or by a with statement."
    )


@points(2, "serves in a child process, and counts the orders that are left there")
def test_server_is_a_child(answer):
    """Two orders are put, and one is taken."""
    children = []

    def work(address, key):
        children.append(len(multiprocessing.active_children()))
        orders = _orders(address, key)
        orders.put("tea")
        orders.put("milk")
        orders.get(timeout=1)

    call = _open(answer, work)
    left = call.returns(SERVES_HERE, advice=ASK_THERE)
    assert children, f"{call} did not call work()."
    assert children[0] == 1, (
        f"{call} called work() when this process had {children[0]} children; expected "
        "1. get_server() starts no process, and a thread is none: use start()."
    )
    assert left == 1, (
        f"{call} returned {shown(left)}, and 1 order was left; expected 1. {ASK_THERE}"
    )
    _must_have_ended("when work() had returned")


@points(1, "ends the server when the work fails")
def test_ends_after_an_error(answer):
    """The work fails."""

    def work(*_):
        raise ValueError("no sugar left")

    call = _open(answer, work)
    assert isinstance(call.error, ValueError), (
        f"{call} ended with {shown(call.error)} when work() raised ValueError; expected that error to propagate."
    )
    _must_have_ended("when work() had raised an error")


@points(1, "opens two shops at once, each with its own key")
def test_two_shops_at_once(answer):
    """A second shop opens while the first one is open."""
    keys = []

    def work_inside(_, key):
        keys.append(key)

    def work(_, key):
        keys.append(key)
        inner = answer.call("open_shop", work=work_inside, context=CONTEXT)
        error = inner.ends(SERVES_HERE).error
        assert not isinstance(error, OSError | EOFError), (
            f"A second open_shop(work, context) failed with {type(error).__name__} "
            "while the first shop was open; expected both to be open. With port 0 each "
            "gets a free port."
        )

    _open(answer, work).returns(SERVES_HERE)
    assert len(keys) == 2, "open_shop(work, context) did not call work()."
    assert keys[0] != keys[1], (
        "Two shops have the same key; expected a fresh one for each. Anyone can read what is written in a program: take secrets.token_bytes(32)."
    )
    assert all(len(key) >= 16 for key in keys), (
        f"A key has {min(map(len, keys))} bytes; expected 16 at least. A short key can "
        "be guessed."
    )


@points(2, "works where a child starts empty, as on Windows and macOS")
def test_works_where_children_start_empty(answer):
    """The child is no copy of this process: it imports the answer."""
    done = []

    def work(address, key):
        _orders(address, key).put("tea")
        done.append("tea")

    context = _Spawn()
    call = answer.call("open_shop", work=work, context=context)
    call.returns(SERVES_HERE, 8)
    _end_tracker()
    assert done, "open_shop(work, context) did not call work() with 'spawn'."
    assert context.used, (
        "open_shop(work, context) started its child without the context it was given; "
        "expected ctx=context. On macOS, on Windows and on newer Linux Pythons a child "
        "starts empty: only with that context does yours show whether it can."
    )


class _Spawn(multiprocessing.context.SpawnContext):
    """A context that notes whether it has started anything."""

    used = False

    def Process(self, *args, **named):  # noqa: N802 - as the standard library calls it
        """Make a process."""
        self.used = True
        return super().Process(*args, **named)


def _end_tracker():
    """End the helper that spawn starts on POSIX, so that no process is left."""
    stop = getattr(multiprocessing.resource_tracker._resource_tracker, "_stop", None)
    if os.name == "posix" and stop:
        stop()
