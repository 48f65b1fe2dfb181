"""Start, watch and grade processes that share queues through a manager.

The map, bottom up; a module imports only those above it:

==============  ================================================================
``errors``      every error of the kit: :class:`LabkitError` and its kin
``queues``      what a server hosts: :class:`TaskQueue`
``transport``   the manager protocol on the wire, hardened
``managers``    :class:`QueueManager` and :func:`connect`
``servers``     :func:`start_server`: a manager server in a background process
``processes``   :func:`start_process`, and the ``%%process`` cell magic
``wiretap``     :func:`wiretap`: every message between clients and a server
``throughput``  :func:`measure`, :func:`compare`: a clock to every kind of queue
``costs``       what a call costs, as a line: a + b·n
``plots``       measurements to pictures, each with its words
``checks``      ``%%answer``, :func:`check`, :func:`hint`: graded exercises
``doctor``      :func:`doctor`: is this machine fit, is anything left over
==============  ================================================================

``python -m labkit`` lists the commands. Importing this package loads none of the
modules below it: each is loaded when one of its names is first used.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "LabkitError": "errors",
    "BufferedProducer": "buffering",
    "QueueStats": "stats",
    "TaskQueue": "queues",
    "QueueManager": "managers",
    "buffered": "buffering",
    "connect": "managers",
    "ServerProcess": "servers",
    "start_server": "servers",
    "ProgramProcess": "processes",
    "processes": "processes",
    "start_process": "processes",
    "Message": "wiretap",
    "wiretap": "wiretap",
    "Measurement": "throughput",
    "compare": "throughput",
    "measure": "throughput",
    "Score": "checks",
    "check": "checks",
    "hint": "checks",
    "doctor": "doctor",
    "dashboard": "dashboards",
    "explorer": "dashboards",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - built from the map, so it cannot drift


def __getattr__(name):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    # No hints here: this file is also read by Pythons too old for the kit,
    # which must get as far as the sentence that says so.
    if name not in _HOME:
        raise AttributeError("module 'labkit' has no attribute %r" % name)  # noqa: UP031
    module = importlib.import_module("labkit." + _HOME[name])
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__():  # type: ignore[no-untyped-def]  # noqa: ANN202
    return sorted(set(globals()) | set(_HOME))


def load_ipython_extension(shell):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Register the cell magics ``%%process`` and ``%%answer`` (``%load_ext labkit``).

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The shell of the notebook's kernel.
    """
    for name in ("processes", "checks"):
        importlib.import_module("labkit." + name).register_magics(shell)
