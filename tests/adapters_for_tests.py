"""Transports and clocks that child processes of the tests can import."""

import threading

from labkit._throughput.adapters import DirectQueue, SimpleQueue


class Ticking:
    """A clock that is one step later each time somebody looks, in each process."""

    def __init__(self, step_s):
        self.step_s = step_s
        self.now = 0.0

    def __call__(self):
        """Return the time."""
        self.now += self.step_s
        return self.now


MANY = [*range(20), b"tea" * 5000, "letters"]


def send_to_itself(kind, spec, pipe):
    """Hold both ends in one child process, and report what came out."""
    put, get = kind.producer(spec), kind.consumer(spec)
    got = []
    if kind.batched:
        put(MANY)
        while len(got) < len(MANY):
            got += get(len(MANY) - len(got))
    else:
        for item in MANY:
            put(item)
            got.append(get())
    pipe.send(got)
    pipe.close()


class Stalling(SimpleQueue):
    """Every message waits 44 ms, as over TCP without TCP_NODELAY."""

    name = "stalling"

    @staticmethod
    def producer(spec):
        """Return a put that dawdles."""
        pause = threading.Event()

        def put(item):
            pause.wait(0.044)
            spec.put(item)

        return put


class Silent(DirectQueue):
    """Nothing ever arrives."""

    name = "silent"

    @staticmethod
    def producer(spec):
        """Return a put that does nothing."""
        del spec
        return lambda _item: None


class Broken(DirectQueue):
    """Its producer cannot be opened."""

    name = "broken"

    @staticmethod
    def producer(spec):
        """Fail."""
        del spec
        raise OSError("the harbour is closed")


class Absent(DirectQueue):
    """It cannot run on this machine."""

    name = "absent"

    @classmethod
    def missing(cls):
        """Give the reason."""
        return "Absent is not measured: it is an example"
