"""What the tree promises: clean notebooks, small modules, no traces of a machine."""

import ast
import json
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml

import labkit

ROOT = Path(__file__).resolve().parent.parent
IMPORT_MS = 60

# Folders that a run leaves behind.
IGNORED = {".git", ".venv", ".labkit", "work", "build", "dist", "labkit.egg-info"}
IGNORED |= {"submitted", "autograded", "feedback", "__pycache__", ".mypy_cache"}
IGNORED |= {".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}

# Written in pieces, so that this file does not contain what it looks for.
TRACES = {
    "a path of somebody's machine": r"/ro{}ot/|/ho{}me/\w|/wo{}rk/main|/tm{}p/kit"
    r"|[A-Z]:[\\/]+Use{}rs",
    "a package registry": r"pypi\.o{}rg|pythonhos{}ted|npm{}js\.|conda\.ana{}conda",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE K{}EY",
}
UNWANTED = ("*.key", "*.pyc", "*.db", ".nbgrader.log", ".DS_Store")


def committed():
    """Return the files that git has, or would have."""
    if not ((git := shutil.which("git")) and (ROOT / ".git").exists()):
        pytest.skip("this is no git checkout", allow_module_level=True)
    command = [git, "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = {ROOT / line for line in listed.stdout.splitlines()}
    return sorted(path for path in paths if path.is_file())


FILES = committed()
NOTEBOOKS = [path for path in FILES if path.suffix == ".ipynb"]


def name_of(path):
    """Return a short name for a parametrised test."""
    return path.relative_to(ROOT).as_posix()


def run(*arguments):
    """Run a module of this environment in the checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_is_clean(path):
    """A notebook has no outputs and no counts, and cells with readable ids."""
    book = json.loads(path.read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert "widgets" not in book["metadata"]
    ids = [cell["id"] for cell in book["cells"]]
    assert len(ids) == len(set(ids))
    unreadable = [i for i in ids if not re.fullmatch(r"[a-z0-9]+([-_.][a-z0-9]+)+", i)]
    assert unreadable == []
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"]] == []
    assert [cell["id"] for cell in code if cell["execution_count"] is not None] == []


@pytest.mark.parametrize("trace", TRACES)
def test_no_trace_of_a_machine(trace):
    """No committed file has a path, an address or a key that is somebody's own."""
    pattern = re.compile(TRACES[trace].replace("{}", ""))
    found = {}
    for path in FILES:
        text = path.read_bytes().decode("utf-8", errors="replace")
        hits = [match.group() for match in pattern.finditer(text)]
        if hits:
            found[name_of(path)] = hits
    assert found == {}


def test_no_caches_and_keys():
    """Nothing that a run leaves behind is committed."""
    unwanted = [path for path in FILES if any(path.match(like) for like in UNWANTED)]
    unwanted += [path for path in FILES if IGNORED & {*path.relative_to(ROOT).parts}]
    assert [name_of(path) for path in unwanted] == []


def test_importing_labkit_loads_nothing_heavy():
    """The package itself loads no module that takes time."""
    heavy = ("matplotlib", "ipywidgets", "IPython", "distributed", "psutil", "pytest")
    done = run("-c", f"import sys, labkit; print({{*{heavy}}} & {{*sys.modules}})")
    assert done.stdout == "set()\n"


def test_importing_labkit_is_quick():
    """Importing the package adds little to a bare start, the best of several runs."""
    bare, loaded = [], []
    for _ in range(4):
        for code, times in (("pass", bare), ("import labkit", loaded)):
            started = time.perf_counter()
            run("-c", code)
            times.append(time.perf_counter() - started)
    assert (min(loaded) - min(bare)) * 1000 <= IMPORT_MS


def test_every_dependency_has_its_reason():
    """A line that adds a dependency says beside it what it is for."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in [line for group in groups for line in group]:
        assert re.search(rf'^  "{re.escape(requirement)}", +# \w', text, re.MULTILINE)


def test_constraints_are_names_and_versions():
    """constraints.txt holds a tested version for each dependency, of each Python."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    marker = r"( ; python_version (<|>=) \"[\d.]+\")?"
    form = re.compile(rf"[\w.-]+==[\w.]+{marker}")
    assert [line for line in lines if not form.fullmatch(line)] == []
    pinned = {line.partition("==")[0].lower() for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["test"], *extras["site"]]
    assert {re.split("[>=]", line)[0].lower() for line in needed} <= pinned


def test_workflow_covers_every_system():
    """The workflow runs the test command on three systems and four Pythons."""
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    kit = yaml.safe_load(text)["jobs"]["kit"]
    matrix = kit["strategy"]["matrix"]
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert matrix["python"] == ["3.11", "3.13", "3.14", "3.15"]
    assert {"run": "python -m labkit test"} in kit["steps"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ruff", "check", "--quiet", "--output-format=concise"),
        ("ruff", "format", "--check", "--quiet"),
        ("mypy", "--no-error-summary"),
    ],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_lint_and_types(arguments):
    """The linter, the formatter and the type checker have nothing to say."""
    pytest.importorskip(
        arguments[0], reason="it is of the extra: pip install -e .[lint]"
    )
    done = run("-m", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_pinned():
    """Every action of a workflow is pinned to a commit, with its version beside it."""
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        uses = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
        loose = [
            u for u in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\S+", u)
        ]
        assert loose == []


# --- the house --------------------------------------------------------------------

# From the ground up: a module imports only from rooms of a row above its own, or from
# its own room. These stand outside: they find the others by name, or run before them.
FLOORS = [
    {"errors"},
    {"supervised", "confine", "logbook"},
    {"manager"},
    {"servers", "programs", "buffering"},
    {"tap", "throughput"},
    {"plots", "jobs"},
    {"widgets", "lessons"},
    {"grader"},
    {"commands"},
]
OUTSIDE = {"__init__", "__main__", "setup", "formerly", "jupyter"}
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# Room: the most lines of code, the most lines in all, the most files. To add something,
# take something away: a reader has one evening.
MOST = {
    "labkit": (5_800, 9_000, 65),
    "labkit/grader": (1_500, 2_270, 12),
    "exercises/checks": (None, 10_000, None),
    "tests": (None, 14_000, None),
    "tools": (None, 600, None),
}


def lines_of(path):
    """Count a file's lines of code, without docstrings and comments; and all of them."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if path.suffix != ".py":
        return 0, len(lines)
    code = {
        number
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.strip().startswith("#")
    }
    for node in ast.walk(ast.parse(text)):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and (ast.get_docstring(node) is not None):
            code -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(code), len(lines)


@pytest.mark.parametrize("room", MOST)
def test_the_house_does_not_grow(room):
    """A reader carries the whole, so the whole is what is counted."""
    paths = [
        path
        for path in FILES
        if path.suffix in {".py", ".toml", ".md"}
        and name_of(path).startswith(f"{room}/")
        and not name_of(path).startswith("tests/right/")  # material
        and (room != "labkit" or "grader" not in path.parts)
    ]
    counts = [lines_of(path) for path in paths]
    found = sum(c for c, _ in counts), sum(a for _, a in counts), len(paths)
    for what, count, most in zip(
        ("code", "all", "files"), found, MOST[room], strict=True
    ):
        assert most is None or count <= most, f"{room}, {what}: {count} of {most}"


def imports_of(path):
    """Yield each module of the kit that a module imports, wherever it does."""
    here = path.relative_to(ROOT / "labkit").with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield ".".join(here[: -node.level] + tuple((node.module or "").split(".")))
        elif isinstance(node, ast.ImportFrom) and node.module == "labkit":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("labkit."):
            yield node.module.removeprefix("labkit.")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("labkit."):
                    yield alias.name.removeprefix("labkit.")


MODULES = sorted(path for path in FILES if name_of(path).startswith("labkit/"))
MODULES = [path for path in MODULES if path.suffix == ".py"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path):
    """A module imports from its own room and from the floors below it, also inside."""
    room = path.relative_to(ROOT / "labkit").with_suffix("").parts[0]
    if room in OUTSIDE:
        return
    wrong = {
        module
        for module in (name.partition(".")[0] for name in imports_of(path))
        if module in FLOOR and module != room and FLOOR[module] >= FLOOR[room]
    }
    assert wrong == set()


def test_every_room_is_on_the_map():
    """The map in labkit/__init__.py names every room, and no other."""
    text = (ROOT / "labkit" / "__init__.py").read_text(encoding="utf-8")
    named = set(re.findall(r"(?m)^``(\w+)``  ", text))
    rooms = {path.relative_to(ROOT / "labkit").parts[0] for path in MODULES}
    rooms = {room.removesuffix(".py") for room in rooms} - {"__init__"}
    assert named == set(FLOOR)
    assert set(FLOOR) | OUTSIDE == rooms | {"__init__"}


def test_no_module_has_the_name_of_something_public():
    """``labkit.predict`` is a function, whatever has been imported before."""
    rooms = {path.relative_to(ROOT / "labkit").parts[0] for path in MODULES}
    assert not {room.removesuffix(".py") for room in rooms} & set(labkit.__all__)
