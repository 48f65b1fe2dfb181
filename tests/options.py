"""A pytest plugin: the options of the tests, known also where only a notebook is named."""

_LARGER = {  # option: its default, and what it is
    "--class": (1, "students whose answers nbgrader and labkit both grade"),
    "--demos": ("", "lessons whose demo test_instructor runs, as '04_*'; '*' for all"),
    "--methods": ("spawn", "start methods of CPython's own tests, as fork,spawn"),
    "--nbgrader-sets": ("04_*", "exercise sets that nbgrader itself grades"),
    "--storm": (10_000, "items that test_storm sends, a multiple of 50"),
}


def pytest_addoption(parser):
    """Add the options that make the large tests larger."""
    every = "run what is marked long, too: every answer, every start method"
    parser.addoption("--all", action="store_true", help=every)
    for name, (default, what) in _LARGER.items():
        kind = type(default)
        parser.addoption(name, type=kind, default=default, help=f"{what}: {default!r}")
