"""What the system grants a lesson: memory, files, semaphores, a clock."""

__all__ = ["check_clock", "check_memory", "check_open_files", "check_start_method"]

import importlib.util
import multiprocessing
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from labkit._doctor.findings import AFTER_SET_UP, Check

# JupyterLab takes 110 MB; the kernel and the programs of the largest lesson, 11, take
# 280; the browser's page 500.
LEAST_MB = 400
COMFORT_MB = 1000

FEWEST_FILES = 256  # a kernel holds 90, the server of JupyterLab 30 and more for each
COMFORT_FILES = 1024

SLACK_S = 120.0  # files of a checkout are written by clocks that differ a little
COARSE_S = 1e-4  # a call to a server takes about as long

CGROUPS = Path("/sys/fs/cgroup")  # on Linux
OURS = Path("/proc/self/cgroup")


def check_memory(cgroups: Path = CGROUPS, ours: Path = OURS) -> Check:
    """Compare what is free, here and in this container, with what a lesson takes."""
    if importlib.util.find_spec("psutil") is None:
        return Check("memory", "warn", "not looked at yet", AFTER_SET_UP)
    import psutil  # not at the top: the doctor also runs where it is missing

    free = psutil.virtual_memory().available
    limits = [limit - used for limit, used in container_limits(cgroups, ours)]
    free_mb = max(min([free, *limits]), 0) // 1_000_000
    inside = " in this container" if limits and min(limits) < free else ""
    found = f"{free_mb} MB free{inside}, a lesson takes up to {LEAST_MB}"
    todo = "end other programs and kernels (in JupyterLab: Kernel, Shut Down All)"
    if inside:
        todo = f"give the container {2 * COMFORT_MB} MB"
    if free_mb < LEAST_MB:
        return Check("memory", "FAIL", found, todo)
    if free_mb < COMFORT_MB:
        return Check("memory", "warn", f"{found}, a browser as much again", todo)
    return Check("memory", "ok", found)


def container_limits(cgroups: Path, ours: Path) -> Iterator[tuple[int, int]]:
    """Yield, for each group above this process, its limit and its use, in bytes."""
    try:
        lines = ours.read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        kinds = {"": ("", "memory.max", "memory.current")}
        kinds["memory"] = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
        if controllers not in kinds:
            continue
        tree, most, current = kinds[controllers]
        top = cgroups / tree
        inner = top / path.strip("/")
        # In a container the path may be the one outside of it, which is not there.
        for group in (inner, *inner.parents):
            if group.is_relative_to(top):
                yield from _limit(group, most, current)


def _limit(group: Path, most: str, current: str) -> Iterator[tuple[int, int]]:
    try:
        limit = int((group / most).read_text("ascii"))
        used = int((group / current).read_text("ascii"))
        rows = (group / "memory.stat").read_text("ascii").splitlines()
    except (OSError, ValueError):  # version 2 says "max"
        return
    stat = {name: int(value) for name, value in map(str.split, rows)}
    cache = stat.get("total_inactive_file") or stat.get("inactive_file", 0)
    yield limit, used - cache  # the system takes cache back when it is needed


def check_open_files() -> Check:
    """Compare how many files a process may have open with what JupyterLab needs."""
    if sys.platform == "win32":
        return Check("open files", "ok", "no limit that matters")
    import resource

    # JupyterLab and the kit's servers raise the limit as far as they may.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return Check("open files", "ok", "as many as are needed")
    found = f"{most} for each process"
    if most >= COMFORT_FILES:
        return Check("open files", "ok", found)
    todo = f"ulimit -Hn {4 * COMFORT_FILES}, as root, in the shell that starts the lab"
    found = f"{found}, {FEWEST_FILES} needed"
    return Check("open files", "FAIL" if most < FEWEST_FILES else "warn", found, todo)


def check_start_method() -> Check:
    """Say how this system starts processes, without choosing a method for good."""
    default, *others = multiprocessing.get_all_start_methods()
    found = f"{default}, also {' and '.join(others)}" if others else default
    # Under spawn a lock would start a process that tracks it.
    method = "fork" if "fork" in (default, *others) else "spawn"
    try:
        multiprocessing.get_context(method).Lock()
    except (ImportError, OSError) as problem:
        reason = f"a lock between processes cannot be made ({problem})"
        todo = "use a system that has them"
        if sys.platform == "linux":
            todo = "mount /dev/shm so that you can write to it"
        return Check("start method", "FAIL", reason, todo)
    return Check("start method", "ok", found)


def check_clock(root: Path) -> Check:
    """Tell a clock that is behind the kit's own files, or too coarse to measure."""
    newest = max(path.stat().st_mtime for path in root.glob("*.*"))
    now = time.time()
    found = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    if newest > now + SLACK_S:
        found += f", and files of the kit are {newest - now:.0f} s younger"
        todo = "set the clock: downloads and tunnels refuse a wrong one"
        return Check("clock", "warn", found, todo)
    clock = time.get_clock_info("perf_counter")
    if clock.adjustable or clock.resolution > COARSE_S:
        found = f"it ticks every {clock.resolution:g} s"
        return Check("clock", "warn", found, "believe no small time in lesson 06")
    return Check("clock", "ok", found)
