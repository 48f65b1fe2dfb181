"""Run one notebook and keep what it shows: ``python -m labkit._site.player IN OUT``.

A program of its own, so that whoever starts it can end it and all that it started.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["main"]

CELL_TIMEOUT_S = 180  # a cell of a lesson takes seconds
WATCH = "from labkit._site import widgetstates; widgetstates.watch()"
KEEP = "from labkit._site import widgetstates; widgetstates.keep({!r})"


def main(argv: list[str]) -> int:
    """Run the notebook of the first path in the current folder, write the second.

    Parameters
    ----------
    argv : list of str
        The notebook; where it goes with its outputs, and with the last state of its
        widgets in its metadata.

    Returns
    -------
    int
        0, or 1 after an error outside the cells that are to fail, with the reason.
    """
    import nbformat
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    book = nbformat.read(argv[0], as_version=4)
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        states = Path(folder, "widgets.json")
        # Last, and not shown: only the kernel knows what its threads said at the end.
        book.cells.append(nbformat.v4.new_code_cell(KEEP.format(str(states))))
        try:
            execute(book, folder)
        except (CellControlSignal, DeadKernelError) as problem:
            print(problem)
            return 1
        models = json.loads(states.read_text(encoding="utf-8"))
    book.cells.pop()
    book.metadata["widgets"] = models
    nbformat.write(book, argv[1])
    return 0


def execute(book: Any, folder: str) -> None:
    """Run every cell in a kernel of its own.

    Parameters
    ----------
    book : nbformat.NotebookNode
        It gets the outputs.
    folder : str
        Where the kernel's sockets are, on systems that have such.
    """
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    manager = AsyncKernelManager(kernel_name="python3")
    if os.name != "nt":  # where nobody else takes the ports first
        manager.transport, manager.ip = "ipc", str(Path(folder, "k"))
    options = [f"--IPKernelApp.exec_lines={WATCH}"]
    NotebookClient(
        book, manager, timeout=CELL_TIMEOUT_S, extra_arguments=options
    ).execute()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
