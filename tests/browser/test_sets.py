"""Every exercise set as a learner gets it: opened, its first task run, looked at.

That a blank answer of each task gets no points, and why, tests/test_exercises.py holds.
"""

import re

import pytest
from labs import ROOT
from looks import out_of_reach, violations

SETS = sorted((ROOT / "exercises" / "release").glob("*/*.ipynb"))


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem[:2])
def test_blank_set_is_fit_to_be_seen(notebook, path):
    """Nothing complains, and the first check says in words what it makes of nothing."""
    notebook.open(path.relative_to(ROOT).as_posix())
    setup, answer, check = [c for c in notebook.cells() if c["type"] == "code"][:3]
    for cell in (setup, answer, check):
        notebook.run_cell(cell["id"])
    assert notebook.problems() == []
    assert re.search(r"0 of \d+ points", notebook.cell(check["id"]).inner_text())
    assert [out_of_reach(notebook.page, width) for width in (480, 1280)] == [[], []]
    assert violations(notebook.page) == []
