"""The same jobs on a manager's workers and on Dask: same records, same fates."""

import shutil
import socket
import ssl
import subprocess
import sys

import pytest
from commands import SHOP, Lab, items, until

from labkit import jobs
from labkit.errors import LabkitError
from labkit.jobs import WORN_OUT, Work, read_job_file, run

JOBS = """
[squares]
job = "square"
tasks = [3, -2]

[letters]
job = "letters"
tasks = ["Tea, tea"]

[log_lines]
job = "log_lines"
files = ["*.log"]

[shop]
job = "shop:picky"
tasks = ["tea", "milk"]
"""
DEADLY = """
def deadly_once(marker):
    if Path(marker).exists():
        return "done"
    Path(marker).touch()
    os._exit(9)
"""
# A scheduler with a worker, which prints its address and ends with its input.
CLUSTER = """
import sys
from distributed import LocalCluster
from labkit.jobs import _security
from pathlib import Path

tls = _security(Path(sys.argv[1])) if sys.argv[1:] else None
with LocalCluster(
    n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1",
    protocol="tls" if tls else "tcp", dashboard_address="127.0.0.1:0", security=tls,
    silence_logs=50,
) as cluster:
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a job file, two logs, and modules of jobs."""
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "jobs.toml").write_text(JOBS)
    (folder / "shop.py").write_text(SHOP + DEADLY)
    (folder / "a.log").write_text("10:00 INFO open\n10:01 ERROR milk\n\n10:01\n")
    (folder / "b.log").write_bytes(b"10:02 INFO closed \xff\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


def without_frames(records):
    """Return the records with the last line of each traceback."""
    for record in records:
        frames = record.pop("traceback", None)
        yield record if frames is None else {**record, "raised": frames.split("\n")[-2]}


def expected(folder):
    """Return what jobs.toml gives on every engine."""
    tasks = [3, -2, "Tea, tea", f"{folder / 'a.log'}", f"{folder / 'b.log'}"]
    names = ["squares", "squares", "letters", "log_lines", "log_lines"]
    results = [9, 4, {"a": 2, "e": 2, "t": 2}, {"ERROR": 1, "INFO": 1}, {"INFO": 1}]
    rows = zip(names, range(1, 6), tasks, results, strict=True)
    keys = ("name", "id", "task", "result")
    milk = "KeyError: 'no milk today'"
    return [
        *(dict(zip(keys, row, strict=True)) for row in rows),
        {"name": "shop", "id": 6, "task": "tea", "result": {"repr": "b'tea'"}},
        {"name": "shop", "id": 7, "task": "milk", "error": milk, "raised": milk},
    ]


# Lesson 11 runs the same jobs on both, too.
@pytest.fixture(
    params=[pytest.param(one, marks=pytest.mark.long) for one in ("manager", "dask")]
)
def engine(request):
    """Return an engine: a manager's workers, or a client's cluster."""
    if request.param == "manager":
        yield "manager"
        return
    import dask  # slow: not in every process that collects

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        jobs.dask_client(workers=1) as client,
    ):
        yield client


def test_the_same_jobs_here(engine, folder, tmp_path):
    """The same records, of a task whose worker dies once or every time, too."""
    place = {"workers": 1, "folder": folder}
    records = run(read_job_file(folder / "jobs.toml"), engine, **place)
    assert [*without_frames(records)] == expected(folder)
    marker = str(tmp_path / "marker")
    (once,) = run([Work("once", "shop:deadly_once", (marker,))], engine, **place)
    (always,) = run([Work("always", "shop:deadly", ("tea",))], engine, **place)
    assert once["result"] == "done"
    assert always == {"name": "always", "id": 1, "task": "tea", "error": WORN_OUT}


@pytest.fixture
def certificates(tmp_path):
    """Make an authority, and a certificate that it signed; None without openssl."""
    if shutil.which("openssl") is None:
        return None
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    for command in (
        ["req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=a"],
        ["req", *ec, "-keyout", "key.pem", "-out", "request", "-subj", "/CN=lab"],
        ["x509", "-req", "-in", "request", *sign, "-out", "cert.pem"],
    ):
        openssl = ["openssl", *command]
        subprocess.run(openssl, cwd=tmp_path, capture_output=True, check=True)
    return tmp_path


@pytest.fixture
def scheduler(certificates, tmp_path):
    """Run a Dask scheduler in another process: with TLS, where that can be had."""
    command = [sys.executable, "-c", CLUSTER, *filter(None, [certificates])]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with process:
        process.address = process.stdout.readline().strip()
        yield process
        process.kill()


def assert_strangers_are_turned_away(address):
    """Fail if a client without a certificate gets a word out of a scheduler."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.removeprefix("tls://").partition(":")
    with (
        socket.create_connection((host, int(port)), 5) as wire,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(wire) as encrypted,
    ):
        encrypted.recv(1)


@pytest.mark.long
def test_the_same_job_file_elsewhere(scheduler, certificates, folder, tmp_path):
    """By one option of the command the same lines come from a scheduler elsewhere.

    It lets nobody in without a certificate. When it ends, a sentence says so.
    """
    lab, tls = Lab(tmp_path), []
    where = ["--engine", scheduler.address]
    if certificates:
        tls = ["--tls", certificates]
        assert_strangers_are_turned_away(scheduler.address)
        _, err = lab.run("run", folder / "jobs.toml", *where, code=2)
        assert "needs --tls FOLDER" in err
    out, err = lab.run("run", folder / "jobs.toml", *where, *tls, code=1)
    assert [*without_frames(items(out))] == expected(folder)
    assert "labkit run: 7 tasks done, 1 of them failed, in" in err
    lab.write("shop.py", SHOP)
    slow = lab.write("slow.toml", '[slow]\njob = "shop:patient"\ntasks = [1]')
    command = lab.start("run", slow, *where, *tls)
    until(lambda: scheduler.poll() is not None or [*lab.folder.glob("started-*")])
    scheduler.kill()
    assert "The Dask scheduler has ended." in command.finish(3)[1]


@pytest.mark.long
def test_nobody_at_the_address(tmp_path):
    """The sentence says how to start a scheduler."""
    (tmp_path / "jobs.toml").write_text("[a]\njob = 'square'\ntasks = [1]")
    program = (
        "from labkit import jobs\nfrom labkit.__main__ import main\n"
        "jobs.CONNECT_WITHIN_S = 0.1\n"
        "raise SystemExit(main('run jobs.toml --engine tcp://127.0.0.1:1'.split()))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "labkit run: No Dask scheduler answers at tcp://127.0.0.1:1 (" in done.stderr


@pytest.mark.parametrize(
    ("name", "tls", "said"),
    [
        ("spark", None, "There is no engine 'spark'. Give manager, dask, or"),
        ("manager", "certs", "The manager protocol has no TLS"),
        ("tcp://127.0.0.1:1", "certs", "a tcp:// address is clear text"),
        ("tls://127.0.0.1:1", "certs", "ca.pem is missing. --tls FOLDER needs"),
    ],
)
def test_an_engine_that_cannot_be(name, tls, said):
    """Each is refused before anything is started."""
    with pytest.raises(LabkitError, match=said):
        next(run([], name, tls=tls))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no job. Begin with a line such as"),
        ("[a", "is not TOML"),
        ("[a]\ntasks = [1]", r"\[a\] of .* needs a job, such as"),
        ("[a]\njob = 'square'", "and in square brackets its tasks"),
        ("[a]\njob = 'square'\ntasks = 1", "needs a job, such as"),
        ("[a]\njob = 'cube'\ntasks = [1]", "'cube' cannot be loaded"),
        ("[a]\njob = 'log_lines'\nfiles = ['x*']", "no file beside it matches 'x"),
    ],
)
def test_a_job_file_that_is_none(tmp_path, text, said):
    """The sentence names the file, the table and what to add."""
    path = tmp_path / "jobs.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_job_file(path)
