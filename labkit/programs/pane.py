"""A live view of one background program, below the cell that started it.

The widgets are made and shown in the main thread. Afterwards a thread of the pane
sets their values; when the program has ended, it replaces them by the final state and
text, which is what a saved notebook keeps.
"""

import html
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipywidgets import Button

    from labkit.programs import ProgramProcess

_LAST_LINES = 200
_LAST_CHARS = 40_000  # a line may be endless
_PAUSE_S = 0.1

# JupyterLab's own colours, light or dark; the fallbacks read well on any page.
_LOG_STYLE = (
    "flex:none; margin:0; padding:4px 8px; white-space:pre-wrap; overflow-wrap:anywhere; "
    "font-family:var(--jp-code-font-family, monospace); "
    "font-size:var(--jp-code-font-size, 13px); line-height:1.4; "
    "color:var(--jp-content-font-color1, #1f1f1f); "
    "background:var(--jp-layout-color1, #ffffff)"
)
# From the bottom up: the newest line stays in view, and so does a place that the
# reader has scrolled to while the text grows.
_SCROLL = {
    "max_height": "20em",
    "overflow": "auto",
    "display": "flex",
    "flex_flow": "column-reverse",
    "border": "1px solid var(--jp-border-color1, #bdbdbd)",
}
_STATE_STYLE = "color:var(--jp-ui-font-color1, #1f1f1f)"

_shown: dict[str, "Pane"] = {}


def show(program: "ProgramProcess") -> None:
    """Show a program below the running cell: a live pane, or a line of text.

    A pane needs a kernel, to which a front end may be connected. Elsewhere, as in an
    IPython terminal, a line of text says what was started; the pane has the same line
    for front ends without widgets. The pane of an earlier program of the same name is
    taken away. Where a reader sees the pane, ``wait`` does not print the output again.
    """
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython and ipython.get_ipython(), "kernel", None)
    if kernel is None:
        sys.stdout.write(f"{program!r}\n")
        return
    from IPython.display import display

    if program.name in _shown:
        _shown.pop(program.name).close()
    pane = _shown[program.name] = Pane(program)
    mimes = pane.box._repr_mimebundle_() | {"text/plain": repr(program)}
    pane.page = display(mimes, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    # JupyterLab names the cell that it runs; nbclient, nbval and nbgrader do not.
    program.in_view = "cellId" in kernel.get_parent("shell").get("metadata", {})
    pane.follow()


class Pane:
    """The widgets of one program: its state, its output, the buttons that end it.

    Attributes
    ----------
    box : ipywidgets.VBox
        The whole pane, ready for display.
    page : IPython.display.DisplayHandle or None
        Where it is shown.
    state, log : ipywidgets.HTML
        The state in words; the last lines of the output.
    stop_button, interrupt_button : ipywidgets.Button
        They act at once if no cell runs, else when it has ended.
    """

    def __init__(self, program: "ProgramProcess") -> None:
        import ipywidgets

        self.page: Any = None
        self._program = program
        self._stopping = False
        self._news = threading.Event()
        self._ended = threading.Event()
        self.state = ipywidgets.HTML(layout={"flex": "1 1 auto"})
        # In the order of Tab, so that its arrows scroll what is around it.
        self.log = ipywidgets.HTML(layout={"flex": "0 0 auto"}, tabbable=True)
        self.stop_button = _button("Stop", f"End {program.name} and all it started")
        self.stop_button.on_click(self._stop)
        self.interrupt_button = _button("Ctrl-C", f"Press Ctrl-C for {program.name}")
        self.interrupt_button.on_click(lambda _: program.interrupt())
        buttons = [self.interrupt_button, self.stop_button]
        self._head = ipywidgets.HBox([self.state, *buttons])
        self._scroll = ipywidgets.Box([self.log], layout=_SCROLL)
        self.box = ipywidgets.VBox([self._head, self._scroll])
        self.refresh()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def follow(self) -> None:
        """Keep it up to date until the program has ended."""
        self._thread.start()
        self._program.on_change(self._hear)
        self._hear()  # it may have ended before anybody listened

    def refresh(self) -> None:
        """Bring the values of the widgets up to date."""
        self.state.value, self.log.value = self._state(), self._log()
        ended = not self._program.is_alive()
        self.stop_button.disabled = self.interrupt_button.disabled = ended

    def close(self) -> None:
        """Take the pane away from the page, and its widgets out of memory."""
        parts = (self.state, self.log, self.stop_button, self.interrupt_button)
        for widget in (*parts, self._head, self._scroll, self.box):
            for part in (widget.layout, getattr(widget, "style", None), widget):
                if part is not None:
                    part.close()

    def _state(self) -> str:
        program = self._program
        state = program.state
        if program.ended_at:
            took_s = (program.ended_at - program.started_at).total_seconds()
            state += f" at {program.ended_at:%H:%M:%S}, after {took_s:.1f} s"
        elif self._stopping:
            state = "stopping"
        return (
            f'<span role="status" style="{_STATE_STYLE}">'
            f"<b>{html.escape(program.name)}</b>: {html.escape(state)}</span>"
        )

    def _log(self) -> str:
        return (
            f'<pre role="log" aria-label="Output of {html.escape(self._program.name)}" '
            f'style="{_LOG_STYLE}">{html.escape(self._last_lines()) or " "}</pre>'
        )

    def _last_lines(self) -> str:
        return "\n".join(
            self._program.output[-_LAST_CHARS:].splitlines()[-_LAST_LINES:]
        )

    def _stop(self, _: object) -> None:
        # In a thread: a program may take its time, and the kernel has other work.
        self._stopping = True
        self._news.set()
        threading.Thread(target=self._program.stop, daemon=True).start()

    def _hear(self) -> None:
        # Called by the threads that read the program's output, for every piece.
        ended = not self._program.is_alive()
        if ended:
            self._ended.set()
        self._news.set()
        if ended:  # whoever waits for the program finds the pane complete
            self._thread.join(1.0)

    def _follow(self) -> None:
        last = False
        while not last:
            self._news.wait()
            self._news.clear()
            last = self._ended.is_set()
            self.refresh()
            self._ended.wait(_PAUSE_S)  # what comes meanwhile is shown together
        if self.page:
            style = "; ".join(f"{k.replace('_', '-')}:{v}" for k, v in _SCROLL.items())
            final = (
                f'{self._state()}<div tabindex="0" style="{style}">{self._log()}</div>'
            )
            text = f"{self._program!r}\n{self._last_lines()}".rstrip()
            self.page.update({"text/html": final, "text/plain": text}, raw=True)
            self.close()


def _button(name: str, tooltip: str) -> "Button":
    import ipywidgets

    width = {"width": "auto"}
    return ipywidgets.Button(description=name, tooltip=tooltip, layout=width)
