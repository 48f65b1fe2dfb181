"""Start, watch and grade processes that share queues through a manager.

The map, bottom up: a module imports only those in the lines above it, or in its own.
The first name of a line is what users import, ``labkit/NAME.py``; the others are its
workshop, in ``labkit/_NAME/``. (The commands have only a workshop.)

==============  ================================================================
``errors``      every error of the kit: :class:`LabkitError` and its kin
``locks``       one process at a time
``logbook``     what a learner has answered, in one SQLite file
``manager``     :class:`QueueManager` and :func:`connect`; :class:`TaskQueue`, and
                how clients reach it: a package, whose first lines are its map
``supervised``  the one way in which a child process ends with its parent
``servers``     :func:`start_server`, a manager server in a background process
``buffering``   ends that do not wait for each answer: :func:`buffered`,
                :func:`prefetched`
``programs``    :func:`start_process` and ``%%process``, with its pane
``tap``         :func:`wiretap`, every message between clients and a server:
                relay decode views
``lessons``     props of one lesson each: a real SMTP server, several hosts on one
                Linux machine
``throughput``  :func:`measure`, :func:`compare`, a clock to every kind of
                queue, in ``labkit/throughput/``; ``costs``, what a call costs
``plots``       measurements to pictures and words
``widgets``     :func:`predict`, :func:`quiz`, :func:`arrange`, with texts from files:
                views texts questions dashboard explorer
``grader``      :func:`check`, :func:`hint`, ``%%answer``, :func:`progress`: tasks
                fixtures runner feedback magic progress release
``jobs``        the same jobs on a manager's workers or on Dask
``commands``    the seeds' programs as commands: key serve produce consume master
                worker run lab test doctor; common has what they share
``scaling``     one server and many workers, measured and modelled: queueing
                simulations shifts teams texttables modelchecks choices scaleplots scale
``setup``       the set-up, standard library alone
==============  ================================================================

``python -m labkit`` lists the commands. Importing this package loads none of the
modules below it: each is loaded when one of its names is first used.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "LabkitError": "errors",
    "BufferedProducer": "buffering",
    "QueueStats": "manager",
    "TaskQueue": "manager",
    "QueueManager": "manager",
    "buffered": "buffering",
    "connect": "manager",
    "prefetched": "buffering",
    "ServerProcess": "servers",
    "start_server": "servers",
    "start_mail_server": "lessons.mail",
    "ProgramProcess": "programs",
    "processes": "programs",
    "start_process": "programs",
    "Message": "tap",
    "wiretap": "tap",
    "Measurement": "throughput",
    "compare": "throughput",
    "measure": "throughput",
    "Score": "grader.feedback",
    "check": "grader.magic",
    "hint": "grader.magic",
    "grade": "grader.classroom",
    "arrange": "widgets.questions",
    "predict": "widgets.questions",
    "quiz": "widgets.questions",
    "progress": "grader.progress",
    "doctor": "commands.doctor",
    "dashboard": "widgets.dashboard",
    "explorer": "widgets.explorer",
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
    for name in ("programs", "grader.magic"):
        importlib.import_module("labkit." + name).register_magics(shell)
