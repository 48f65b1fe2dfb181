"""Transports and clocks that child processes of the tests can import."""

import threading
from contextlib import contextmanager

from labkit.throughput import SPAWN, Transport
from labkit.throughput.transports import Queue, SimpleQueue

MANY = [*range(20), b"tea" * 5000, "letters"]


def send_to_itself(ends, pipe):
    """Hold both ends of each in one child process, and report what came out."""
    for transport, spec in ends:
        put, get = transport.producer(spec), transport.consumer(spec)
        got = []
        if transport.batched:
            put(MANY)
            while len(got) < len(MANY):
                got += get(len(MANY) - len(got))
        else:
            for item in MANY:  # a pipe of Windows holds 8 KiB, so not in one thread
                threading.Thread(target=put, args=(item,)).start()
                got.append(get())
        pipe.send(got)
    pipe.close()


class Scene(Transport):
    """A queue in a made-up world: time passes only when something is done.

    To start a process takes 5 s, to open an end 3, the first put 2, to make an item 1
    and to move one 0.01: a rate of 100 a second says that nothing else was timed.
    """

    world = None  # of this process: the made-up time, which all of them share

    @contextmanager
    def open(self):
        """Make a queue, and a clock that all processes share."""
        yield SPAWN.SimpleQueue(), SPAWN.Value("d", 0.0)

    @staticmethod
    def pass_time(seconds):
        """Let the clock go on."""
        with Scene.world.get_lock():
            Scene.world.value += seconds

    def clock(self):
        """Return the made-up time."""
        return Scene.world.value

    def item(self, number, payload_bytes):
        """Make an item, which takes long."""
        self.pass_time(1)
        return super().item(number, payload_bytes)

    def producer(self, spec):
        """Open an end: the process has been started, and this takes a while."""
        queue, Scene.world = spec
        self.pass_time(5 + 3)
        calls = []

        def put(item):
            if not calls:
                self.pass_time(2)
            calls.append(item)
            queue.put(item)

        return put

    def consumer(self, spec):
        """Open an end; to receive an item takes 0.01 s."""
        queue, Scene.world = spec
        self.pass_time(5 + 3)

        def get():
            item = queue.get()
            self.pass_time(0.01)
            return item

        return get


class Touched(SimpleQueue):
    """What it gives is a list that must be gone through before the next."""

    def consumer(self, spec):
        """Return a get that checks the list before."""
        given = []

        def get(_):
            if given and not given[-1].seen:
                raise ValueError("nobody touched the items")
            given[:] = [Shy(spec[1]())]
            return given[0]

        return get


class Shy(list):
    """A list that knows whether it was gone through."""

    seen = False

    def __iter__(self):
        """Take note."""
        self.seen = True
        return super().__iter__()


class Silent(Queue):
    """Nothing ever arrives."""

    def producer(self, spec):
        """Return a put that does nothing."""
        del spec
        return lambda _item: None


class Broken(Queue):
    """Its producer cannot be opened."""

    def producer(self, spec):
        """Fail."""
        del spec
        raise OSError("the harbour is closed")
