"""What the cells of a lesson must show, held on the outputs of the run by nbval.

A pytest plugin, loaded by pyproject.toml. ``tests/claims/NN.py`` holds what the cells of
lesson NN must show: texts in ``SHOWS``, and for all else functions with a cell's id::

    SHOWS = {"04-empty-raises": ["Empty: "]}

    @claim("04-orders-left")
    def all_orders_wait(shown):
        "Nobody consumes yet, so all ten orders are in the queue."
        assert shown.count("waits") == 10
"""

import ast
import functools
import importlib.util
import re
from collections import defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
_claims = defaultdict(list)

# What a cell may begin with and still show nothing.
_QUIET = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef


class Shown(str):
    """All that a cell printed, showed and raised, one output after the other.

    Its ``outputs`` are nbval's records; ``error`` and ``message`` are the name and the
    text of the exception that ended the cell, if one did.
    """

    __slots__ = ("error", "message", "outputs")

    def __new__(cls, outputs):
        """Join the texts of nbval's outputs."""
        errors = [out for out in outputs if out.get("output_type") == "error"]
        texts = [
            out.get("text") or out.get("data", {}).get("text/plain", "")
            for out in outputs
        ]
        texts += [f"{error['ename']}: {error['evalue']}" for error in errors]
        self = super().__new__(cls, "\n".join(texts))
        self.outputs = outputs
        self.error = errors[0]["ename"] if errors else ""
        self.message = errors[0]["evalue"] if errors else ""
        return self

    @property
    def html(self):
        """The HTML of every output that has some."""
        return "\n".join(
            out.get("data", {}).get("text/html", "") for out in self.outputs
        )

    def numbers(self, pattern=""):
        """Return the numbers that follow a pattern in the text, as floats."""
        found = re.findall(pattern + r"\s*(-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?)", self)
        return [float(text.replace(",", "")) for text in found]


def claim(*cells):
    """Register a function that is given what each of these cells showed."""

    def register(function):
        for cell in cells:
            _claims[cell].append(function)
        return function

    return register


def load(number):
    """Return the claims of one lesson, by cell id; none if it has no file."""
    path = FOLDER / f"{number}.py"
    if not path.exists():
        return {}
    if not any(cell.startswith(f"{number}-") for cell in _claims):
        spec = importlib.util.spec_from_file_location(f"claims_{number}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for cell, texts in module.SHOWS.items():
            _claims[cell].append(functools.partial(_has, texts))
    return {cell: held for cell, held in _claims.items() if cell.startswith(number)}


def _has(texts, shown):
    """Hold a cell to the texts of ``SHOWS``."""
    assert [text for text in texts if text not in shown] == []


def may_be_quiet(cell):
    """Tell whether a cell only imports, defines, registers, writes or cleans up."""
    magics = ("%%writefile", "%load_ext", "%%answer", "%matplotlib")
    if cell.source.startswith(magics) or "clean" in cell.id:
        return True
    try:
        body = ast.parse(cell.source).body
    except SyntaxError:
        return False  # another magic, which shows something
    return all(
        isinstance(node, _QUIET)
        or (isinstance(node, ast.Expr) and ".register(" in ast.unparse(node))
        for node in body
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Hold a lesson's cell to its claims once nbval has run it."""
    result = yield
    cell = getattr(item, "cell", None)
    if cell is None or item.path.parent.name != "notebooks":
        return result
    shown = Shown(item.test_outputs or [])
    if "raises-exception" in cell.metadata.get("tags", []):
        assert shown.error, f"{cell.id} was expected to raise, and did not"
    claims = load(item.path.name[:2])
    if claims and not shown.outputs:
        assert may_be_quiet(cell), f"{cell.id} shows nothing"
    for held in claims.get(cell.id, []):
        try:
            held(shown)
        except AssertionError as error:
            name = getattr(held, "__name__", "SHOWS")
            raise AssertionError(
                f"{cell.id} does not show what {name} claims: {error}\n"
                f"It showed:\n{shown[:2000]}"
            ) from error
    return result
