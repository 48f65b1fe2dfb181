"""A pytest plugin: the kernels of tests listen where nobody else can get in first.

A kernel's ports are looked for by its client, let go, and taken by the kernel a second
later. Beside tests that open thousands of connections somebody else has one of them
by then, now and then, and the kernel dies. The names of Unix sockets are our own.
"""

import itertools
import os
import tempfile
from typing import Any

import pytest

__all__ = ["pytest_configure"]


def pytest_configure(config: pytest.Config) -> None:
    """Let every kernel that this process starts listen on Unix sockets."""
    if os.name == "nt":  # ZeroMQ has none there
        return
    from jupyter_client.manager import KernelManager

    # Short: the path of a socket has a hundred letters at most.
    folder = tempfile.TemporaryDirectory(prefix="labkit-")
    config.add_cleanup(folder.cleanup)
    numbers = itertools.count()
    original = KernelManager.__init__

    def init(self: KernelManager, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.transport = "ipc"
        self.ip = os.path.join(folder.name, f"k{next(numbers)}")  # noqa: PTH118 - a string is meant

    patch = pytest.MonkeyPatch()
    patch.setattr(KernelManager, "__init__", init)
    config.add_cleanup(patch.undo)
