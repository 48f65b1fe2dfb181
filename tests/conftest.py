"""What every test gets: a look, afterwards, for anything left running."""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import re
import signal
import sys
import threading
import time

import psutil
import pytest
from pythons import changed_exercises

# Helpers of the standard library that serve a whole process until it ends; ours.
_PERMANENT = ("resource_tracker", "forkserver")
_HELPERS = set()
# What the system still does for a connection that this process has closed.
_CLOSED = ("TIME_WAIT", "FIN_WAIT1", "FIN_WAIT2", "CLOSING", "LAST_ACK", "CLOSE")


def pytest_configure(config):
    """Let programs be interrupted, also where the tests are a shell's background job.

    Such a job ignores Ctrl-C, and so would every program that a test starts.
    """
    config.addinivalue_line("markers", "long: runs only with --all")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# Begun late, one of these would still run when all else is done.
_TAKE_LONG = (
    "test_exercises.py",
    "test_cpython.py",
    "test_notebook_kernels.py",
    "test_grader.py",
    "test_lessons.py",
    "test_storm.py",
    "test_wheel.py",
    "07_make_proxies_fast.ipynb",
    "11_outgrow_the_manager.ipynb",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give a whole file to one process; CPython's runs, lessons and sets in a browser, to any."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid):
            lesson = re.search(r"test_lessons\.py.*(\[\d\d)-", nodeid)
            if lesson:
                return lesson[1]
            alone = re.search(r"test_(cpython|sets)\.py", nodeid)
            return nodeid if alone else nodeid.split("::")[0]

    return Files(config, log)


def pytest_collection_modifyitems(config, items):
    """Leave out what need not run; put files that take long first."""
    everything = config.getoption("--all")
    out = [
        item
        for item in items
        if (item.get_closest_marker("long") and not everything) or _is_spare(item)
    ]
    config.hook.pytest_deselected(items=out)
    left = {*items} - {*out}
    items[:] = [item for item in items if item in left]
    place = {name: number for number, name in enumerate(_TAKE_LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def _is_spare(item):
    """Tell whether a cell belongs to a task that test_exercises tries with --all.

    Of each exercise set one task is run as a notebook, and every task that was changed.
    """
    cell = getattr(item, "cell", None)
    found = re.match(r"ex(\d\d)-([2-9])-", cell.id) if cell else None
    if found is None:
        return False
    task, book = f"/{found[1]}.{found[2]}.", f"/{item.path.name}"
    return task not in changed_exercises() and book not in changed_exercises()


def _processes():
    found = set()
    for pid in {*_descendants()} - _HELPERS:
        with contextlib.suppress(psutil.Error):  # it has just ended
            child = psutil.Process(pid)
            if not any(word in " ".join(child.cmdline()) for word in _PERMANENT):
                found.add(child)
    return found


def _descendants():
    """Return the children of this process, and theirs; on Linux without looking far."""
    found, parents = [], [os.getpid()]
    try:
        while parents:
            tasks = f"/proc/{parents.pop()}/task"
            for task in os.listdir(tasks):  # noqa: PTH208 - this runs for every test
                with open(f"{tasks}/{task}/children") as file:  # noqa: PTH123 - the same
                    children = file.read().split()
                found += children
                parents += children
    except OSError:  # another system, or one of them ended meanwhile
        return [child.pid for child in psutil.Process().children(recursive=True)]
    return map(int, found)


def _sockets():
    found, folder = set(), "/proc/self/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - this runs for every test
    except OSError:  # not Linux
        found = psutil.Process().net_connections("all")
        return {(c.fd, c.laddr) for c in found if c.status not in _CLOSED}
    for name in names:
        with contextlib.suppress(OSError):  # the listing itself, closed by now
            found.add((name, os.readlink(f"{folder}/{name}")))  # noqa: PTH115
    return {item for item in found if item[1].startswith(("socket:", "pipe:"))}


def _snapshot():
    return _processes(), set(threading.enumerate()), _sockets()


@pytest.fixture(scope="session", autouse=True)
def permanent_helpers(request):
    """Start what the standard library and Dask never end: no test seems to leak it."""
    if sys.platform != "win32":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver

        multiprocessing.set_forkserver_preload(["labkit.manager"])
        forkserver.ensure_running()
    if request.config.getoption("--all"):
        from distributed.utils import offload

        asyncio.run(offload(bool))
    _HELPERS.update(_descendants())


@pytest.fixture(autouse=True)
def nothing_left_running():
    """Fail any test that leaves a process, a thread or a socket behind."""
    before = _snapshot()
    yield
    until = time.monotonic() + 3
    while True:
        left = [now - then for now, then in zip(_snapshot(), before, strict=True)]
        if not any(left) or time.monotonic() > until:
            break
        gc.collect()
        threading.Event().wait(0.02)
    assert not any(left), f"left running: {left}"


@pytest.fixture(
    params=[
        "spawn",  # the one that every system has
        pytest.param("fork", marks=pytest.mark.long),
        pytest.param("forkserver", marks=pytest.mark.long),
    ]
)
def context(request):
    """Return a multiprocessing context, one for each start method there is."""
    if request.param not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no start method {request.param!r}")
    return multiprocessing.get_context(request.param)
