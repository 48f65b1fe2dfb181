"""Every exercise set as a learner gets it: opened, run blank, looked at."""

import pytest
from labs import ROOT
from looks import out_of_reach, violations

SETS = sorted((ROOT / "exercises" / "release").glob("*/*.ipynb"))


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem[:2])
def test_blank_set_runs(notebook, path):
    """Run All: nothing complains, and each check says in words what it makes of it."""
    notebook.open(path.relative_to(ROOT).as_posix()).run_all()
    assert notebook.problems() == []
    checks = [c for c in notebook.cells() if c["source"].startswith("check(")]
    said = ["".join(out["data"]["text/html"]) for c in checks for out in c["outputs"]]
    assert len(said) == len(checks) > 0
    assert [html for html in said if " points" not in html] == []
    assert violations(notebook.page) == []
    assert out_of_reach(notebook.page, 480) == []
