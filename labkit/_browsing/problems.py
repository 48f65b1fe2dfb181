"""What goes wrong in a page: collected as it happens, and read from its cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage
    from playwright.sync_api import Page as RawPage

__all__ = ["Problem", "Watch", "shown_errors"]

_OUR_HOSTS = {"127.0.0.1", "localhost"}
_TO_A_HOST = {"http", "https", "ws", "wss"}
# JupyterLab asks for the debugger whenever a kernel is there; a restart cancels that.
_OF_A_RESTART = "Could not restore the debugger state: Canceled future"


@dataclass(frozen=True)
class Problem:
    """Something that went wrong in a page, or in the kernel behind it."""

    kind: str
    """``cell``: an error shown by a cell that is not tagged ``raises-exception``;
    ``callback``: one in a widget's callback, which no cell shows; ``stderr``: text on
    the kernel's standard error; ``kernel``: it died; ``console``: an error in the
    browser's console; ``page``: an exception of JavaScript; ``request``: one to
    another machine."""
    where: str
    """A cell's id, or the kind of message, or an address."""
    text: str
    """What was said."""


class Watch:
    """Listens to a page from its beginning.

    Parameters
    ----------
    raw : playwright.sync_api.Page
        The page, before it shows anything.

    Attributes
    ----------
    seen : list of Problem
        What went wrong so far.
    """

    def __init__(self, raw: "RawPage") -> None:
        self.seen: list[Problem] = []
        raw.on("console", self._hear)
        raw.on("pageerror", lambda error: self._note("page", raw.url, str(error)))
        raw.on("request", lambda request: self._look(request.url))
        raw.on("websocket", lambda socket: self._look(socket.url))

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type == "error" and _OF_A_RESTART not in message.text:
            self._note("console", message.location["url"], message.text)

    def _look(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in _TO_A_HOST and parts.hostname not in _OUR_HOSTS:
            self._note("request", url, "asks for something outside this machine")

    def _note(self, kind: str, where: str, text: str) -> None:
        self.seen.append(Problem(kind, where.partition("?")[0], text))


def shown_errors(cells: list[dict[str, Any]]) -> Iterator[Problem]:
    """Yield the errors that cells show and that their tags do not announce.

    Parameters
    ----------
    cells : list of dict
        As :meth:`Page.cells` returns them.

    Yields
    ------
    Problem
        One for each error output.
    """
    untagged = [cell for cell in cells if "raises-exception" not in cell["tags"]]
    for cell in untagged:
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                text = f"{output['ename']}: {output['evalue']}"
                yield Problem("cell", cell["id"], text)
