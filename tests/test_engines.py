"""The same jobs on a manager's workers and on Dask: same records, same fates."""

import asyncio
import contextlib
import json
import multiprocessing
import shutil
import signal
import socket
import ssl
import subprocess

import dask
import pytest
from commands import SHOP

from labkit import engines
from labkit._engines import run
from labkit._engines.daskclients import security
from labkit._engines.jobfiles import Work, read_job_file
from labkit.commands import dispatch
from labkit.commands.dispatch import WORE_OUT
from labkit.commands.jobs import log_lines
from labkit.errors import LabkitError, NoServerError, ServerStoppedError

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
import os
from pathlib import Path

def deadly_once(marker):
    if Path(marker).exists():
        return "done"
    Path(marker).touch()
    os._exit(9)
"""


@contextlib.contextmanager
def cluster(tls=None):
    """Run a scheduler with a worker, in whatever process this is called."""
    import distributed

    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        protocol="tls" if tls else "tcp",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
        security=tls and security(tls),
    ) as started:
        yield started.scheduler_address


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a job file, two logs, and modules of jobs."""
    folder = tmp_path_factory.mktemp("engines")
    (folder / "jobs.toml").write_text(JOBS)
    (folder / "shop.py").write_text(SHOP + DEADLY)
    (folder / "a.log").write_text("10:00 INFO open\n10:01 ERROR milk\n\n")
    (folder / "b.log").write_text("10:02 INFO closed\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module", autouse=True)
def _offload():
    """Start the thread that distributed keeps for good."""
    from distributed.utils import offload

    asyncio.run(offload(bool))


@pytest.fixture
def _handlers():
    """Put back the signal handlers that a command sets for itself."""
    both = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(signum) for signum in both]
    yield
    for signum, handler in zip(both, before, strict=True):
        signal.signal(signum, handler)


def without_frames(records):
    """Return the records with the last line of each traceback."""
    for record in records:
        frames = record.pop("traceback", None)
        yield record if frames is None else {**record, "raised": frames.split("\n")[-2]}


def expected(folder):
    """Return what jobs.toml gives on every engine."""
    tasks = [3, -2, "Tea, tea", f"{folder / 'a.log'}", f"{folder / 'b.log'}"]
    names = ["squares", "squares", "letters", "log_lines", "log_lines"]
    tea = {"a": 2, "e": 2, "t": 2}
    results = [9, 4, tea, {"ERROR": 1, "INFO": 1}, {"INFO": 1}]
    rows = zip(names, range(1, 6), tasks, results, strict=True)
    records = [
        dict(zip(("name", "id", "task", "result"), r, strict=True)) for r in rows
    ]
    milk = "KeyError: 'no milk today'"
    return [
        *records,
        {"name": "shop", "id": 6, "task": "tea", "result": {"repr": "b'tea'"}},
        {"name": "shop", "id": 7, "task": "milk", "error": milk, "raised": milk},
    ]


@pytest.fixture
def _quick_to_give_up(monkeypatch):
    """Shorten what waits for a task that kills its workers."""
    monkeypatch.setattr(dispatch, "REPORT_EVERY_S", 0.1)
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        yield


@pytest.mark.usefixtures("_quick_to_give_up")
@pytest.mark.parametrize("name", ["manager", "dask"])
def test_the_same_jobs_here(name, folder, tmp_path):
    """The same records, also of a task whose worker dies once, or time after time."""
    marker = str(tmp_path / "marker")
    with engines.open_engine(name, workers=1, folder=folder) as engine:
        records = engines.run(read_job_file(folder / "jobs.toml"), engine)
        assert [*without_frames(records)] == expected(folder)
        (once,) = engines.run([Work("once", "shop:deadly_once", (marker,))], engine)
        (always,) = engines.run([Work("always", "shop:deadly", ("tea",))], engine)
        (after,) = engines.run([Work("after", "square", (2,))], engine)
    assert (once["result"], after["result"]) == ("done", 4)
    assert always == {"name": "always", "id": 1, "task": "tea", "error": WORE_OUT}


@pytest.fixture
def certificates(tmp_path):
    """Make an authority, and a certificate that it signed; None without openssl."""
    if shutil.which("openssl") is None:
        return None
    folder = tmp_path
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    for command in (
        ["req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=a"],
        ["req", *ec, "-keyout", "key.pem", "-out", "request", "-subj", "/CN=lab"],
        ["x509", "-req", "-in", "request", *sign, "-out", "cert.pem"],
    ):
        done = subprocess.run(
            ["openssl", *command], cwd=folder, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def elsewhere(certificates):
    """Lend a Dask scheduler in another process: with TLS, where that can be had."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    with ours, theirs:
        host = spawn.Process(target=lend, args=(certificates, theirs))
        host.start()
        yield ours.recv()
        ours.send(None)
        host.join()


def lend(tls, pipe):
    """Run a scheduler with a worker until the other end says that it may end."""
    with cluster(tls) as address:
        pipe.send(address)
        pipe.recv()


def turns_strangers_away(address):
    """Tell whether a client without a certificate gets no word out of a scheduler."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.removeprefix("tls://").partition(":")
    with (
        socket.create_connection((host, int(port)), 5) as wire,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(wire) as encrypted,
    ):
        encrypted.recv(1)
    return True


@pytest.mark.usefixtures("_handlers")
def test_the_same_job_file_elsewhere(
    elsewhere, certificates, folder, capsys, monkeypatch
):
    """By one option of the command the same lines come from a scheduler elsewhere.

    It lets nobody in without a certificate. When it ends, a sentence says so.
    """
    monkeypatch.setattr("labkit._engines.daskclients._CONNECT_WITHIN_S", 1)
    command = [str(folder / "jobs.toml"), "--engine", elsewhere]
    if certificates:
        assert elsewhere.startswith("tls://127.0.0.1:")
        assert turns_strangers_away(elsewhere)
        assert run.main(command) == 2
        assert "needs --tls FOLDER" in capsys.readouterr().err
        command += ["--tls", str(certificates)]
    assert run.main(command) == 1
    said = capsys.readouterr()
    records = map(json.loads, said.out.splitlines())
    assert [*without_frames(records)] == expected(folder)
    assert "labkit run: 7 tasks done, 1 of them failed, in" in said.err
    with engines.open_engine(elsewhere, tls=certificates) as engine:
        elsewhere.close()
        with pytest.raises(ServerStoppedError, match="the Dask scheduler has ended"):
            [*engines.run([Work("squares", "square", (3,))], engine)]


def test_nobody_at_the_address(monkeypatch):
    """The sentence says how to start a scheduler."""
    monkeypatch.setattr("labkit._engines.daskclients._CONNECT_WITHIN_S", 0.1)
    with pytest.raises(NoServerError, match="no Dask scheduler answers at tcp://127"):
        engines.open_engine("tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("name", "tls", "said"),
    [
        ("spark", None, "there is no engine 'spark': give manager, dask, or"),
        ("manager", "certs", "the manager protocol has no TLS"),
        ("tcp://127.0.0.1:1", "certs", "one of tcp:// is clear text"),
        ("tls://127.0.0.1:1", "certs", "ca.pem is missing; --tls FOLDER needs"),
    ],
)
def test_engines_that_there_are_not(name, tls, said):
    """Each is refused before anything is started."""
    with pytest.raises(LabkitError, match=said):
        engines.open_engine(name, tls=tls)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no job: begin with a line such as"),
        ("[a", "is no TOML"),
        ("[a]\ntasks = [1]", r"\[a\] of .* names no job"),
        ("[a]\njob = 'square'", "has no task: add tasks"),
        ("[a]\njob = 'square'\ntasks = 1", "tasks and files are lists"),
        ("[a]\njob = 'cube'\ntasks = [1]", "'cube' is no job"),
        ("[a]\njob = 'log_lines'\nfiles = ['x*']", "no file beside it matches 'x"),
    ],
)
def test_a_job_file_that_is_none(tmp_path, text, said):
    """The sentence names the file, the table and what to add."""
    path = tmp_path / "jobs.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_job_file(path)


def test_log_lines(tmp_path):
    """Lines without a second word are none of a level."""
    (tmp_path / "log").write_bytes(b"10:00 INFO a b\n\n10:01\n10:02 ERROR \xff\n")
    assert log_lines(str(tmp_path / "log")) == {"ERROR": 1, "INFO": 1}
