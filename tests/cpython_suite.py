"""CPython's own tests of managers and queues, with labkit on one side or on both.

``cpython_suite.py SIDE METHOD`` runs them on any Python that has the package ``test``.
SIDE is ``both``, ``server`` or ``client``; METHOD is a start method.
"""

import os
import queue
import sys
import types
import unittest
from multiprocessing import connection, managers

from labkit.manager import QueueManager, TaskQueue
from labkit.manager.client import ClientConnection

SIDE = os.environ.setdefault("LABKIT_SIDE", (*sys.argv, "both")[1])
METHOD = os.environ.setdefault("LABKIT_METHOD", (*sys.argv, "", "spawn")[2])

# What cannot apply, and why.
NOT_OURS = {"test_remote": "sends by XML-RPC, which turns tuples into lists"}


class Both(QueueManager):
    """A server and its clients, all labkit's, whatever serializer a test asks for."""

    def __init__(self, *args, serializer=None, **options):
        del serializer
        super().__init__(*args, **options)


class Server(managers.BaseManager):
    """A labkit server, and the standard library's clients."""

    _run_server = QueueManager._run_server
    _finalize_manager = staticmethod(QueueManager._finalize_manager)
    get_server = QueueManager.get_server

    def __init__(self, *args, serializer=None, **options):
        del serializer
        super().__init__(*args, serializer="labkit", **options)


class Client(managers.BaseManager):
    """The standard library's server, and labkit's connections."""

    def __init__(self, *args, serializer=None, **options):
        del serializer
        super().__init__(*args, serializer="labkit", **options)


if SIDE == "server":
    listener = managers.listener_client["labkit"][0]
    managers.listener_client["labkit"] = (listener, connection.Client)
elif SIDE == "client":
    managers.listener_client["labkit"] = (connection.Listener, ClientConnection)
Base = {"both": Both, "server": Server, "client": Client}[SIDE]


class SyncManager(Base):
    """What multiprocessing.Manager() starts here."""


for name, (maker, exposed, typeids, proxy) in managers.SyncManager._registry.items():
    if SIDE != "client" and name in ("Queue", "JoinableQueue"):
        maker = TaskQueue  # noqa: PLW2901 - the point of it
    SyncManager.register(name, maker, proxy, exposed, typeids)
managers.BaseManager, managers.SyncManager = Base, SyncManager

from test import _test_multiprocessing as suite  # noqa: E402
from test import test_queue  # noqa: E402


class TaskQueueTest(test_queue.QueueTest, unittest.TestCase):
    """CPython's tests of queue.Queue, with TaskQueue in its place."""

    queue = types.SimpleNamespace(**vars(queue))
    queue.Queue = type("Queue", (TaskQueue,), {})  # they look at the class's name


suite.install_tests_in_module_dict(globals(), METHOD)
_OURS = ("WithManager", "TestSyncManagerTypes", "TaskQueueTest")


def load_tests(loader, _tests, _pattern):
    """Return the tests of managers and queues alone."""
    found = unittest.TestSuite()
    for name, value in sorted(globals().items()):
        if name.startswith(_OURS) and isinstance(value, type):
            for test in loader.loadTestsFromTestCase(value):
                if test._testMethodName not in NOT_OURS:
                    found.addTest(test)
    return found


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
