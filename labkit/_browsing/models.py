"""What JupyterLab itself knows of the notebook that a page shows."""

from typing import TYPE_CHECKING, Any, Self

from labkit._browsing.scripts import INSIDE

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from playwright.sync_api import Page as RawPage

__all__ = ["Model"]


class Model:
    """The cells of the notebook in a page, with what is not scrolled into view.

    Parameters
    ----------
    raw : playwright.sync_api.Page
        The page, before it shows anything.

    Notes
    -----
    A cell that the notebook does not have is an error of Playwright, which names it.
    """

    def __init__(self, raw: "RawPage") -> None:
        self.raw = raw
        raw.add_init_script(INSIDE)

    def cells(self) -> list[dict[str, Any]]:
        """Return each cell: id, type, source, tags, count, outputs (as in nbformat)."""
        return list(self._ask("cells"))

    def select(self, cell_id: str) -> Self:
        """Make a cell the active one."""
        self._ask("activate", cell_id)
        return self

    def set_source(self, cell_id: str, text: str) -> Self:
        """Replace the text of a cell."""
        self._ask("setSource", [cell_id, text])
        return self

    def source(self, cell_id: str) -> str:
        """Return the text of a cell."""
        return str(self._ask("describe", cell_id)["source"])

    def outputs(self, cell_id: str) -> list[dict[str, Any]]:
        """Return a cell's outputs as nbformat writes them, seen or unseen."""
        return list(self._ask("describe", cell_id)["outputs"])

    def cell(self, cell_id: str) -> "Locator":
        """Return a locator of a cell, for clicks, keys and what is to be seen in it."""
        self._ask("tag", cell_id)
        return self.raw.locator(f'[data-labkit-cell="{cell_id}"]')

    def _ask(self, name: str, argument: object = None) -> Any:
        return self.raw.evaluate(f"argument => labkit.{name}(argument)", argument)
