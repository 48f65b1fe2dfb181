"""10.4: the system asks the machine; the program may take its time."""

import contextlib
import socket

from labkit.grader.fixtures import points

NO_END = "It only has to set options."
TCP = socket.IPPROTO_TCP
IDLE = getattr(socket, "TCP_KEEPIDLE", None) or socket.TCP_KEEPALIVE


@contextlib.contextmanager
def set_up(answer, silence_s=30):
    """Give the call, and a real connection on loopback that it has set up."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        wire, _ = listener.accept()
        with wire:
            wire.setsockopt(TCP, socket.TCP_KEEPCNT, 9)  # as a system may have it
            call = answer.call("set_up", wire=wire, silence_s=silence_s)
            call.returns(NO_END, advice="Look up the option's name in the hints.")
            yield call, wire, client


def _must_be_patient(call, wire):
    left = wire.gettimeout()
    assert left is None, (
        f"{call} left a timeout of {left:g} s: a worker that bakes longer than that "
        "is thrown out, and nothing is wrong with it. Only its machine has to answer: "
        "let the system ask, with keepalive."
    )


@points(2, "waits for a healthy client as long as it takes")
def test_slow_is_not_dead(answer):
    """A healthy client may say nothing for an hour."""
    with set_up(answer) as (call, wire, client):
        _must_be_patient(call, wire)
        client.sendall(b"bread")
        assert wire.recv(5) == b"bread", "The bytes that came back are not those sent."


@points(1, "has the system ask a silent machine")
def test_system_asks(answer):
    """Keepalive is on."""
    with set_up(answer) as (call, wire, _):
        _must_be_patient(call, wire)
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), (
            f"{call} does not let the system ask a silent machine; a pulled cable is "
            "never noticed. Set SO_KEEPALIVE."
        )


@points(2, "gives up on it before the silence is over")
def test_in_time(answer):
    """Question, pause and number of questions add up to the silence, or less."""
    for silence_s in (30, 6):
        with set_up(answer, silence_s) as (call, wire, _):
            _must_be_patient(call, wire)
            idle, pause, count = (
                wire.getsockopt(TCP, name)
                for name in (IDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
        total = idle + pause * count
        if idle <= silence_s / 2 and total > silence_s:
            raise AssertionError(
                f"{call} asks a silent machine after {idle} s, then {count} times, "
                f"every {pause} s: that makes {total} s; expected {silence_s} s or "
                "less. Set all three options."
            )
        assert total <= silence_s, (
            f"{call} gives up on a silent machine after {total} s; expected "
            f"{silence_s} s or less. It first asks after {idle} s, then {count} times, "
            f"every {pause} s."
        )
        assert idle <= silence_s / 2, (
            f"{call} first asks after {idle} s; expected {silence_s // 2} s or less, "
            "to leave time for more than one question."
        )
