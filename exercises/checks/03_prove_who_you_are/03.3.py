"""03.3: the client's side of the handshake, in the right order."""

import hmac
import secrets
import threading
from multiprocessing import AuthenticationError, Pipe
from multiprocessing.connection import Client, Listener

from labkit.grader.fixtures import points

PATIENCE_S = 2.0
BOTH_WAIT = (
    "Both sides wait for the other to speak. The server speaks first; you answer, and "
    "then you ask."
)


class _Server(threading.Thread):
    """A listener of the standard library, and what became of its handshake."""

    def __init__(self, key):
        super().__init__(daemon=True)
        self.listener = Listener(("127.0.0.1", 0), authkey=key)
        self.welcomed = False

    def run(self):
        try:
            with self.listener.accept():
                self.welcomed = True
        except (AuthenticationError, EOFError, OSError, AssertionError):
            pass


@points(2, "shakes hands with a server of the standard library")
def test_server_lets_it_in(answer):
    """A server of this Python's own standard library."""
    key = secrets.token_bytes(32)
    server = _Server(key)
    server.start()
    with server.listener, Client(server.listener.address) as wire:
        call = answer.call("log_in", wire=wire, key=key)
        call.ends(BOTH_WAIT, PATIENCE_S)
        call.returns(BOTH_WAIT, advice=_advice(call.error))
        server.join(PATIENCE_S)
        assert server.welcomed, (
            f"{call} returned, and the server was still waiting; expected both to be "
            "done. After its welcome the server waits for your challenge, and then for "
            "your welcome: all seven lines are needed."
        )


def _advice(error):
    if isinstance(error, UnboundLocalError):
        return "A name is used above the line that gives it a value."
    return "The server speaks first: its challenge, your digest, its welcome."


def _play(answer, *script):
    """Play a server that sends these messages, one after each message that comes."""
    key = secrets.token_bytes(32)
    ours, wire = Pipe()
    call = answer.call("log_in", wire=wire, key=key)
    challenge = secrets.token_bytes(20)
    ours.send_bytes(b"#CHALLENGE#" + challenge)
    heard = []
    for reply in script:
        if not ours.poll(PATIENCE_S):
            break
        heard.append(ours.recv_bytes())
        ours.send_bytes(reply)
    call.ended_within(0.1)
    while ours.poll(0):
        heard.append(ours.recv_bytes())
    ours.close()
    call.ends(BOTH_WAIT, PATIENCE_S)
    proved = hmac.digest(key, challenge, "md5") in heard
    return call, heard, proved


@points(1, "raises AuthenticationError when the server refuses")
def test_refusal_comes_out(answer):
    """The server says that the digest is wrong."""
    call, _, proved = _play(answer, b"#FAILURE#")
    assert proved, f"{call} did not answer the server's challenge; expected its digest."
    assert isinstance(call.error, AuthenticationError), (
        f"{call} {call.outcome} when the server had said #FAILURE#; expected "
        "AuthenticationError. Hand what comes to expect()."
    )


@points(1, "does not welcome a server without the key")
def test_impostor_is_not_welcomed(answer):
    """The server does not hold the key."""
    call, heard, proved = _play(answer, b"#WELCOME#", bytes(16))
    assert proved, f"{call} did not answer the server's challenge; expected its digest."
    assert b"#WELCOME#" not in heard, (
        f"{call} said #WELCOME# to a server that does not hold the key; expected it to "
        "look at the server's digest first. Your welcome is the last of all messages."
    )
    assert isinstance(call.error, AuthenticationError), (
        f"{call} {call.outcome} when the server's digest was wrong; expected "
        "AuthenticationError. Hand what comes to expect()."
    )
