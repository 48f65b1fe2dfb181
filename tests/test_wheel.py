"""The wheel in an empty environment: an ordinary user, nothing there may be written."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from programs import Lines, environment, until
from pythons import ROOT

from labkit import supervised

pytestmark = pytest.mark.long
POSIX = os.name == "posix"
# Without its capabilities root is bound by permissions, too.
DROP = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
CHECK = """
from labkit import check
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
shell.run_line_magic("load_ext", "labkit")
shell.run_cell_magic("answer", "04.1", "def x(): pass")
check("04.1")
"""


def build(folder):
    """Build the wheel; skip where nobody can, as without a network."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder]
    if uv := shutil.which("uv"):
        command = [uv, "build", "-q", "--wheel", "-o", folder]
    done = subprocess.run([*command, ROOT], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no wheel can be built here: {done.stderr[-200:]}")
    return next(folder.glob("queue_labkit-*.whl"))


class Installed:
    """An environment that has the wheel, and finds what it needs in ours."""

    def __init__(self, folder):
        self.wheel = build(folder)
        self.empty = folder / "empty"
        self.empty.mkdir()
        env, here = folder / "env", Path(sys.prefix)
        venv.create(env, symlinks=POSIX)
        at = {"base": str(env), "platbase": str(env)}
        site = Path(sysconfig.get_path("purelib", "venv", at))
        self.python = Path(sysconfig.get_path("scripts", "venv", at), "python")
        with zipfile.ZipFile(self.wheel) as files:
            files.extractall(site)
        (site / "ours.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
        shutil.copytree(here / "share" / "jupyter", env / "share" / "jupyter")
        for path in (env, *env.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        self.env = env
        self.variables = environment(self.empty)

    def command(self, *words):
        """Return what runs Python there, as somebody without rights."""
        drop = DROP if POSIX and os.geteuid() == 0 and shutil.which(DROP[0]) else []
        return [*drop, str(self.python), *map(str, words)]

    def run(self, *words, cwd=None, **variables):
        """Run Python there; return its exit code and what it printed."""
        command, where = self.command(*words), cwd or self.empty
        env = {**self.variables, **variables}
        return supervised.run(command, timeout_s=400, cwd=where, env=env)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return such an environment, and make it deletable again."""
    made = Installed(tmp_path_factory.mktemp("wheel"))
    yield made
    for path in (made.env, *made.env.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def test_no_solution_is_in_the_wheel(installed):
    """It has lessons, questions, exercises and checks; no solutions, no wrong answers."""
    names = zipfile.ZipFile(installed.wheel).namelist()
    course = [name for name in names if name.startswith("labkit/course/")]
    for like in (
        r"notebooks/\d\d_\w+\.ipynb",
        r"questions/\d\d\.toml",
        r"/\d\d\.\d\.py",
    ):
        assert len([name for name in course if re.search(like, name)]) >= 11
    assert not [name for name in names if "/source/" in name or "wrong" in name]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("doctor", 0, "This machine is fit for the kit"),
        ("progress", 0, "0 of "),
        ("exercises", 2, "made in the kit's own folder: clone it."),
        ("test", 2, "tests are in the kit's own folder: clone it"),
        ("grade nowhere", 2, "There are no submissions in nowhere"),
        ("bench --quick", 0, "items/s"),
    ],
)
def test_a_command_works_or_says_what_it_needs(installed, words, status, said):
    """From an empty folder, in a read-only environment."""
    done = installed.run("-m", "labkit", *words.split())
    assert done.exit_code == status, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_server_works(installed):
    """It makes its key in the folder at hand."""
    said, server = Lines(), installed.command("-m", "labkit", "serve")
    options = {"cwd": installed.empty, "env": installed.variables, "on_output": said}
    with supervised.Supervised(server, **options):
        said.wait_for("stop with Ctrl-C")
    assert (installed.empty / "labkit.key").exists()


def test_nothing_there_can_be_written(installed):
    """Else the other tests would say little."""
    code = (
        "import labkit, pathlib; pathlib.Path(labkit.__file__).with_name('x').touch()"
    )
    assert "PermissionError" in installed.run("-c", code).output


def test_lab_check_and_grade(installed):
    """The lessons are copied, JupyterLab opens the first; a copy is checked and graded."""
    said = Lines()
    lab = installed.command("-m", "labkit", "lab", "--no-browser")
    fetch = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)"
    options = {"cwd": installed.empty, "env": installed.variables, "on_output": said}
    with supervised.Supervised(lab, **options):
        until(lambda: "Ctrl-C" in said.text, within_s=120)
        address = re.search(r"http://\S+00_start_here.ipynb\?token=\w+", said.text)[0]
        assert "200" in installed.run("-c", fetch, address).output
    copies = installed.empty / "labkit-lessons"
    one = copies / "exercises" / "release" / "04_produce_and_consume"
    done = installed.run("-c", CHECK, cwd=one)
    assert "04.1: 0 of 5 points." in done.output
    assert "has no function consume()" in done.output
    shutil.copytree(one, installed.empty / "submitted" / "ada" / one.name)
    done = installed.run("-m", "labkit", "grade", "submitted", "--unconfined")
    assert done.exit_code == 0, done.output
    assert "As they were handed out: " in done.output


def test_two_learners_run_a_lesson_at_once(installed, tmp_path):
    """As on a hub: one course that nobody can write to, and a home for each learner."""

    def learn(name):
        home = tmp_path / name
        home.mkdir()
        copy = "from labkit.commands.lab import place; place()"
        assert installed.run("-c", copy, cwd=home, HOME=str(home)).exit_code == 0
        notebooks = home / "labkit-lessons" / "notebooks"
        options = ("--execute", "--to", "notebook", "--output", "done")
        lesson = "05_share_work_among_workers.ipynb"
        words = ("-m", "nbconvert", *options, lesson)
        done = installed.run(*words, cwd=notebooks, HOME=str(home))
        assert done.exit_code == 0, done.output
        return (notebooks / "done.ipynb").read_text("utf-8")

    with ThreadPoolExecutor() as pool:
        for page in pool.map(learn, ("ada", "bob")):
            assert "still running: []" in page
