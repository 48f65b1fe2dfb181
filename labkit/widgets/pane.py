"""``%%process``: a cell becomes a program, with a live pane below it.

The widgets are made and shown in the main thread. Afterwards a thread of the pane
sets their values; when the program has ended, it replaces them by the final state and
text, which is what a saved notebook keeps.
"""

import html
import os
import shlex
import sys
import threading
from pathlib import Path
from typing import Any

from labkit.errors import LabkitError
from labkit.programs import ProgramProcess, start_process
from labkit.widgets import views

_LAST_LINES = 200
_LAST_CHARS = 40_000  # a line may be endless
_PAUSE_S = 0.1


def register_magics(shell: Any) -> None:
    """Make ``%%process`` known to a shell of IPython; ``%load_ext labkit`` does."""
    shell.register_magic_function(_process, "cell", "process")


def _process(line: str, cell: str) -> None:
    """Write this cell to work/NAME.py, run it in the background, watch it here.

    %%process NAME [argument ...]

    A program of that name that still runs is stopped first. Later cells reach it as
    processes["NAME"]: wait, wait_for_output, interrupt, stop, output.
    """
    from IPython.core.error import UsageError

    try:
        name, *args = _words(line)
        path = Path("work") / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(cell.removesuffix("\n") + "\n", "utf-8", newline="\n")
        _show(start_process(path, *args, name=name))
    except (LabkitError, ValueError, OSError) as error:
        raise UsageError(f"%%process: {error}") from None


def _words(line: str) -> list[str]:
    # On Windows a backslash is part of a path.
    words = shlex.split(line if os.sep == "/" else line.replace("\\", "\\\\"))
    name = words[0] if words else ""
    if not (name.isidentifier() and name.isascii()):
        raise ValueError(
            "give the program a name of letters, digits and _, as in "
            f"%%process server; got {name!r}"
        )
    if name in sys.stdlib_module_names or name == "labkit":
        raise ValueError(
            f"a program called {name!r} would hide the module {name} from every "
            f"program in work; take another name, such as my_{name}"
        )
    return words


def _show(program: ProgramProcess) -> None:
    """Show a live pane below the running cell; without a kernel, a line of text."""
    if not (kernel := views.notebook_kernel()):
        sys.stdout.write(f"{program!r}\n")
        return
    pane = Pane(program)
    pane.page = views.display(pane._repr_mimebundle_(), display_id=True)
    # JupyterLab names the cell that it runs; nbclient, nbval and nbgrader do not.
    program.in_view = "cellId" in kernel.get_parent("shell").get("metadata", {})
    pane.follow()


class Pane(views.Shown):
    """The widgets of one program: its state, its last lines, the buttons that end it.

    The buttons act at once if no cell runs, else when it has ended.
    """

    def __init__(self, program: ProgramProcess) -> None:
        import ipywidgets

        self.page: Any = None  # where it is shown, if it is
        self._program = program
        self.state = ipywidgets.HTML(layout={"flex": "1 1 auto"})
        self.log = ipywidgets.HTML(tabbable=True)  # so that arrows scroll it
        self.log.add_class("labkit-log")
        self.stop_button = views.button("Stop", f"End {program.name} and all it began")
        self.stop_button.on_click(self._stop)
        self.interrupt_button = views.button("Ctrl-C", f"Press it for {program.name}")
        self.interrupt_button.on_click(lambda _: program.interrupt())
        head = ipywidgets.HBox([self.state, self.interrupt_button, self.stop_button])
        super().__init__(f"program {program.name}", head, self.log)
        self.refresh()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def follow(self) -> None:
        """Keep it up to date until the program has ended."""
        self._thread.start()
        # A cell that waits for the program finds all of it in the pane.
        self._program.on_end(lambda: self._thread.join(1.0))
        if not self._program.is_alive():  # it may have ended before
            self._thread.join(1.0)

    def refresh(self) -> None:
        """Bring the values of the widgets up to date."""
        program, state = self._program, self._program.state
        if program.ended_at:
            took_s = (program.ended_at - program.started_at).total_seconds()
            state += f" at {program.ended_at:%H:%M:%S}, after {took_s:.1f} s"
            self.stop_button.disabled = self.interrupt_button.disabled = True
        name, text = html.escape(program.name), html.escape(self._last_lines() or " ")
        said = f"<b>{name}</b>: {html.escape(state)}"
        self.state.value = f'<span class="labkit-pane" role="status">{said}</span>'
        self.log.value = f'<pre role="log" aria-label="Output of {name}">{text}</pre>'

    def __repr__(self) -> str:
        return f"{self._program!r}\n{self._last_lines()}".rstrip()

    def _last_lines(self) -> str:
        lines = self._program.output[-_LAST_CHARS:].splitlines()
        return "\n".join(lines[-_LAST_LINES:])

    def _stop(self, _: object) -> None:
        # In a thread: a program may take its time, and the kernel has other work.
        self.stop_button.disabled = True
        threading.Thread(target=self._program.stop, daemon=True).start()

    def _follow(self) -> None:
        while not self._program.ended_at:
            self.refresh()
            self._program.join(_PAUSE_S)  # what comes meanwhile is shown together
        self.refresh()
        if self.page:
            log = f'<div class="labkit-log" tabindex="0">{self.log.value}</div>'
            final = {"text/html": views.style() + self.state.value + log}
            self.page.update(final | {"text/plain": repr(self)}, raw=True)
            self.close()
