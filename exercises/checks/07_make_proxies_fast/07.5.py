"""07.5: an outbox that flushes by size, by age and at the end."""

import functools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import labkit
from labkit.grader.fixtures import Call, points, shown, until

STUCK = 99  # the exit code of a program that did not end by itself
PROGRAM = """
import os, runpy, sys, threading
from labkit import connect

path, port, key, name, fails = sys.argv[1:]
Outbox = runpy.run_path(path)["Outbox"]
manager = connect(("127.0.0.1", int(port)), bytes.fromhex(key))
outbox = Outbox(manager.get_queue(name), 100, 60)
for number in range(5):
    outbox.put(number)
# From here on it should end by itself; os._exit asks no thread.
watch = threading.Timer(2, os._exit, [99])
watch.daemon = True
watch.start()
if fails:
    raise ValueError("out of ink")
"""
NO_END = "It waits for a lock that it holds itself, or for a thread that never ends."


def _program(answer, server, box, *, fails):
    """Put 5 letters into the answer's outbox, in a program; return output and exit code."""
    key, home = server.authkey.hex(), str(Path(labkit.__file__).parents[1])
    place = (str(server.address[1]), key, box.name)
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, answer.path, *place, "fails" * fails],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONPATH": home},
    )
    return done.stdout, done.returncode


class _Outbox:
    """An outbox of the answer's, each method called in a thread with a deadline."""

    def __init__(self, answer, box, size, age_s):
        call = answer.call("Outbox", mailbox=box, size=size, age_s=age_s)
        self._outbox, self._path = call.returns(NO_END), answer.path
        self.words = str(call)

    def call(self, method, *args):
        """Call a method; return the call, ended."""
        words = f"{method}({', '.join(map(repr, args))}) of {self.words}"
        run = functools.partial(self._run, method, *args)
        return Call(words, run, self._path).ends(NO_END)

    def _run(self, method, *args):
        return getattr(self._outbox, method)(*args)

    def put(self, letter):
        """Put a letter; AssertionError if that raises."""
        self.call("put", letter).returns(NO_END)

    def close(self):
        """Close it; AssertionError if that raises."""
        self.call("close").returns(NO_END)


class _Meddler:
    """A mailbox to which something happens at the first put_many()."""

    def __init__(self, box):
        self.box = box
        self.first = True
        self.before = self.after = lambda: None

    def put_many(self, letters):
        """Do what a mailbox does; the first time, more than that."""
        if not self.first:
            self.box.put_many(letters)
            return
        self.first = False
        self.before()
        self.box.put_many(letters)
        self.after()


@points(2, "puts a full batch at once, in one call, and the rest when it is closed")
def test_size(answer, mailbox):
    """Seven letters, three in a call, and more time than there is."""
    box = mailbox()
    outbox = _Outbox(answer, box, 3, 60)
    for number in range(1, 8):
        outbox.put(number)
    sizes = [count for _, count in box.calls]
    assert sizes == [3, 3], (
        f"An {outbox.words} had put letters in calls of "
        f"{', '.join(map(str, sizes)) or 'none'} after 7 letters; expected 3, 3. Put "
        "when so many are there, all in one call; the seventh waits."
    )
    outbox.close()
    arrived = box.empty()
    assert arrived == [1, 2, 3, 4, 5, 6, 7], (
        f"An {outbox.words} got 7 letters and was closed; {shown(arrived)} arrived; expected "
        "1 to 7, each once. close() puts what is left, once."
    )


@points(2, "puts a letter that has waited, whether or not others come")
def test_age(answer, mailbox):
    """A letter comes alone; then letters come all the time, and never fill a call."""
    box = mailbox()
    alone = _Outbox(answer, box, 100, 0.2)
    alone.put("alone")
    assert until(box.qsize, 2), (
        f"A letter in an {alone.words} had not arrived after 2 s; expected it after "
        "0.2 s. On a slow day nobody calls put() again: a thread must watch the clock."
    )
    alone.close()
    box = mailbox()
    steady = _Outbox(answer, box, 100, 0.4)
    deadline = time.monotonic() + 2
    while not box.qsize() and time.monotonic() < deadline:
        steady.put("one of many")
        until(box.qsize, 0.05)
    assert box.qsize(), (
        f"Letters came into an {steady.words} all the time, and after 2 s none had "
        "arrived; expected the first after 0.4 s. The clock runs from the oldest "
        "letter: the next one must not restart it."
    )
    steady.close()


@points(2, "puts what is left when the program ends, even by an error")
def test_end_of_the_program(answer, mailbox, queue_server):
    """A program puts five letters, and ends without close()."""
    for fails, ended in ((False, "ended"), (True, "ended with an error")):
        box = mailbox()
        said, code = _program(answer, queue_server, box, fails=fails)
        words = "A program put 5 letters into an Outbox(mailbox, 100, 60)"
        assert code != STUCK, (
            f"{words}, and was still running 2 s after its last line; expected "
            "it to end. Python waits for each thread that is no daemon, before it "
            "calls what atexit knows."
        )
        arrived = box.empty()
        last = (said.splitlines() or ["nothing"])[-1]
        assert len(arrived) == 5, (
            f"{words} and {ended}; {len(arrived)} had arrived; expected 5. It said: "
            f"{last}. A daemon thread stops in the middle of its pause: let atexit "
            "put what is left."
        )


@points(1, "keeps its letters when put_many() fails")
def test_failed_call(answer, mailbox):
    """The first put_many() raises, as it does when the link breaks."""
    box = mailbox()
    broken = _Meddler(box)

    def fail():
        raise ConnectionResetError("the link broke")

    broken.before = fail
    outbox = _Outbox(answer, broken, 3, 60)
    for number in (1, 2, 3):
        outbox.call("put", number)  # the third may raise what put_many() raised
    outbox.close()
    arrived = box.empty()
    assert arrived == [1, 2, 3], (
        f"put_many() failed once, and {len(arrived)} of 3 letters arrived after "
        "close(); expected all. Forget letters only when put_many() has returned."
    )


@points(1, "keeps a letter that comes while others are being put")
def test_two_threads(answer, mailbox):
    """Another thread puts a letter when put_many() is about to return."""
    box = mailbox()
    slow = _Meddler(box)
    outbox = _Outbox(answer, slow, 3, 60)
    late = threading.Thread(target=outbox.call, args=("put", 4), daemon=True)

    def meddle():
        late.start()
        late.join(0.5)  # with a lock, it waits for us

    slow.after = meddle
    for number in (1, 2, 3):
        outbox.put(number)
    late.join(3)
    outbox.close()
    arrived = box.empty()
    assert sorted(arrived) == [1, 2, 3, 4], (
        f"A letter came while others were being put, and {shown(arrived)} arrived; expected "
        "each of 1 to 4, once. Two threads put the same list, or one empties it of "
        "what the other has added: keep them apart with a lock."
    )
