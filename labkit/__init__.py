"""Start, watch and grade processes that share queues through a manager.

The map, from the ground up. A room imports only from rooms of the lines above it.

==============  ================================================================
``errors``      every error that the kit raises: :class:`LabkitError` and its kin
--------------  ----------------------------------------------------------------
``supervised``  the one way in which a child process ends with its parent
``confine``     walls around a program that nobody trusts
``logbook``     what a learner has answered, in one SQLite file
--------------  ----------------------------------------------------------------
``manager``     :class:`QueueManager`, :class:`TaskQueue` and :func:`connect`: the
                queue server. Its own first lines say in which order to read it
--------------  ----------------------------------------------------------------
``servers``     :func:`start_server`, a queue server in a background process
``programs``    :func:`start_process`, any program in the background
``buffering``   :func:`buffered` and :func:`prefetched`: ends that don't wait
--------------  ----------------------------------------------------------------
``tap``         :func:`wiretap`, every message between clients and a server
``throughput``  :func:`measure` and :func:`compare`: what queues cost
--------------  ----------------------------------------------------------------
``plots``       measurements as pictures, and as words
``jobs``        a file's tasks on a manager's workers, or on Dask
--------------  ----------------------------------------------------------------
``widgets``     :func:`predict`, :func:`quiz`, :func:`arrange`; :func:`dashboard`
                and :func:`explorer`; ``%%process`` and its pane
``lessons``     props of one lesson each: a mail server, hosts on one machine
--------------  ----------------------------------------------------------------
``grader``      :func:`check`, :func:`hint`, ``%%answer``, :func:`progress`; a
                whole class with :func:`grade`
--------------  ----------------------------------------------------------------
``commands``    what ``python3 -m labkit`` lists, a module each
==============  ================================================================

Outside the house are ``setup``, which makes ``.venv``, ``__main__``, which starts a
command, and ``formerly``, which knows modules by their old names. Importing this package
loads none of the rooms: each is loaded when one of its names is first used.
"""

import importlib

import labkit.formerly  # noqa: F401 - old names of modules

__version__ = "1.0.0"

_ROOMS = {
    "errors": "LabkitError",
    "manager": "QueueManager QueueStats TaskQueue connect",
    "servers": "ServerProcess start_server",
    "programs": "ProgramProcess processes start_process",
    "buffering": "BufferedProducer buffered prefetched",
    "tap": "Message wiretap",
    "throughput": "Measurement compare measure",
    "widgets.questions": "arrange predict quiz",
    "widgets.dashboard": "dashboard",
    "widgets.explorer": "explorer",
    "lessons.mail": "start_mail_server",
    "grader.feedback": "Score",
    "grader.magic": "check hint",
    "grader.progress": "progress",
    "grader.classroom": "grade",
    "commands.doctor": "doctor",
}
_HOME = {}
for _room, _names in _ROOMS.items():
    _HOME.update(dict.fromkeys(_names.split(), _room))

__all__ = sorted(_HOME)  # noqa: PLE0605 - built from the map, so it cannot drift


def __getattr__(name):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    # No hints here: this file is also read by Pythons too old for the kit,
    # which must get as far as the sentence that says so.
    if name not in _HOME:
        raise AttributeError("module 'labkit' has no attribute %r" % name)  # noqa: UP031
    module = importlib.import_module("labkit." + _HOME[name])
    globals()[name] = value = getattr(module, name)
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
    for name in ("widgets.pane", "grader.magic"):
        importlib.import_module("labkit." + name).register_magics(shell)
