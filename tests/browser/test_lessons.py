"""Every lesson, opened and run as a learner does, in a real JupyterLab."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs(page, path):
    """Run All: nothing fails but what is announced, nothing complains anywhere."""
    page.open(f"notebooks/{path.name}").run_all()
    assert page.problems() == []
    assert all(cell["count"] for cell in page.cells() if cell["type"] == "code")
