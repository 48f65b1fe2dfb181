"""What the checks of this set share: clients, and the answer as a program of its own.

A check imports it by ``importlib``, since the folder's name is no identifier.
"""

import importlib.util
import multiprocessing
import os
import queue
import signal
import sys
import threading
from multiprocessing import managers
from pathlib import Path

PATIENCE_S = 2.0
KEY_BYTES = 48  # so long that the feedback shows its name in its place
NO_WAIT = "It asks nobody, and has nothing to wait for."
# Forking takes 5 ms; elsewhere spawn works, for all of this can be imported.
CONTEXT = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


orders = queue.Queue()  # a server in a child process has one of its own
_called = [0]


def get_orders():
    """Return the orders of this process, and count the calls."""
    _called[0] += 1
    return orders


def get_calls():
    """Return how often that was, in this process, as the one item of a list."""
    return _called


class Story(managers.BaseManager):
    """The manager whose story a task tells."""


Story.register("get_orders", callable=get_orders)
Story.register("get_calls", callable=get_calls, proxytype=managers.ListProxy)


class Client(managers.BaseManager):
    """A client as the tasks describe it."""


Client.register("get_orders")


def connect(address, key):
    """Return a connected client."""
    client = Client(address, authkey=key)
    client.connect()
    return client


def ask(what, action, advice):
    """Do what a client does; say in words what went wrong."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        last = str(error).strip(" -\n").split("\n")[-1].strip()
        name = type(error).__name__
        raise AssertionError(
            f"A client's {what} raised {name}: {last}; expected it to work. {advice}"
        ) from None


def must_say_done(orders):
    """Fail unless a client can say that the one order is done, and wait for that."""
    advice = (
        "A multiprocessing.Queue has neither task_done() nor join(): serve a "
        "queue.Queue."
    )
    for name in ("task_done", "join"):
        ask(f"orders.{name}()", lambda name=name: getattr(orders, name)(), advice)


class Program:
    """The function run(key, tell) of an answer, in a process of its own."""

    def __init__(self, answer):
        self.key = os.urandom(KEY_BYTES)
        self._output = Path("program.txt")
        self._wire, end = CONTEXT.Pipe()
        path, output = str(answer._path), str(self._output)
        self._process = CONTEXT.Process(
            target=_play, args=(path, output, self.key, end), daemon=True
        )
        self._process.start()
        end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()
        self._wire.close()

    def orders(self):
        """Return a client's proxy of its queue."""
        told = self._wire.recv() if self._wire.poll(PATIENCE_S) else None
        assert told, "run(key, tell) told no address; leave tell(server.address) there."
        return connect(told, self.key).get_orders()

    def interrupt(self):
        """Do what Ctrl-C does; return the exit code, or None if it goes on."""
        if os.name == "posix":
            os.kill(self._process.pid, signal.SIGINT)
        else:
            self._wire.send("interrupt")
        self._process.join(PATIENCE_S)
        return self._process.exitcode

    def said(self):
        """Return the lines that it printed, errors included."""
        return self._output.read_text(encoding="utf-8").strip().split("\n")


def _play(path, output, key, wire):
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the process ends
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.name != "posix":
        threading.Thread(target=_obey, args=(wire,), daemon=True).start()
    spec = importlib.util.spec_from_file_location("answer", path)
    answer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(answer)
    answer.run(key, wire.send)


def _obey(wire):
    wire.recv()
    signal.raise_signal(signal.SIGINT)
