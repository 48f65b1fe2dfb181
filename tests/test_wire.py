"""One connection: whole messages in, whole messages out, of any size."""

import socket
import struct
import threading
from pickle import PickleBuffer

import pytest

from labkit.manager.wire import Connection

SIZES = [0, 1, 16_384, 16_385, 65_535, 65_536, 65_537, 1_000_000, 3_000_001]


@pytest.fixture
def ends():
    """Return two connected wires."""
    left, right = map(Connection, socket.socketpair())
    yield left, right
    left.close()
    right.close()


def exchange(sender, receiver, send):
    """Send in a thread, so that any size goes through; return what arrives."""
    thread = threading.Thread(target=send, args=(sender,))
    thread.start()
    message = receiver.recv()
    thread.join()
    return message


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_size_arrives_whole(ends, size):
    """Small, at the limits, and larger than any buffer; in an array's memory, too."""
    for sent in (bytes(size), PickleBuffer(bytearray(size))):
        assert exchange(*ends, lambda wire, sent=sent: wire.send(sent)) == bytes(size)


def test_several_messages_in_one_packet_are_kept_apart(ends):
    """What was read too far is the beginning of the next message."""
    left, right = ends
    for number in range(5):
        left.send(number)
    left.send(b"x" * 100_000)
    assert [right.recv() for _ in range(5)] == list(range(5))
    assert len(right.recv()) == 100_000


def test_an_end_between_messages_is_an_end_of_file(ends):
    """The other side has closed: EOFError, and is_gone() knew."""
    left, right = ends
    assert not right.is_gone()
    left.close()
    assert right.is_gone()
    with pytest.raises(EOFError):
        right.recv()


@pytest.mark.parametrize("announced", [50, 70_000, 2_000_000_000])
def test_an_end_within_a_message_is_an_error(ends, announced):
    """Half a message is no message, and a huge length costs no memory."""
    left, right = ends
    left.sock.sendall(struct.pack("!i", announced) + b"half")
    left.close()
    with pytest.raises(OSError, match="within a message"):
        right.recv()


@pytest.mark.parametrize("announced", [257, 2**31 - 1, -2])
def test_a_length_beyond_the_limit_is_refused(ends, announced):
    """Before authentication 256 bytes are the limit; a negative length is none."""
    left, right = ends
    left.sock.sendall(struct.pack("!i", announced))
    with pytest.raises(OSError, match="bad message length"):
        right.recv_bytes(256)


def test_an_unread_message_is_no_end(ends):
    """Data that waits to be read does not make the other side gone."""
    left, right = ends
    left.send("hello")
    assert not right.is_gone()
    assert right.recv() == "hello"
