"""A real notebook kernel for tests, without a browser."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

try:
    from jupyter_client.manager import KernelManager
    from jupyter_core.utils import ensure_event_loop
except ImportError:  # a Python with nothing but what labkit itself imports
    KernelManager = None
else:  # jupyter_client keeps one event loop for good; made here, it is no test's
    ensure_event_loop()


class Kernel:
    """Run cells in a kernel, and collect what a notebook would show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = {"IPYTHONDIR": str(folder / ".ipython"), "HOME": str(folder)}
        self._manager = KernelManager()
        self._manager.start_kernel(cwd=str(folder), env=os.environ | home)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.pid = self._manager.provisioner.pid
        self.messages: list[dict] = []

    def run(self, cell: str) -> str:
        """Run a cell; return what it printed, its errors and its plain displays."""
        self.messages = []
        self._client.execute_interactive(
            cell, timeout=60, output_hook=self.messages.append, allow_stdin=False
        )
        return "".join(map(_as_text, self.messages))

    def kill(self) -> None:
        """End the kernel as the operating system would, without a warning."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the kernel in the orderly way, and close what belongs to it here."""
        self._client.stop_channels()
        self._manager.shutdown_kernel()
        self._manager.context.destroy(linger=0)
        self._client.context.destroy(linger=0)


def _as_text(message: dict) -> str:
    content = message["content"]
    match message["msg_type"]:
        case "stream":
            return content["text"]
        case "error":
            return "\n".join(content["traceback"])
        case "display_data" | "execute_result":
            return content["data"].get("text/plain", "") + "\n"
    return ""


@contextmanager
def kernel_in(folder: Path) -> Iterator[Kernel]:
    """Start a kernel whose notebook lies in a folder, with labkit loaded."""
    if KernelManager is None:
        pytest.skip("there is no Jupyter in this Python")
    kernel = Kernel(folder)
    try:
        kernel.run("%load_ext labkit")
        yield kernel
    finally:
        kernel.close()
