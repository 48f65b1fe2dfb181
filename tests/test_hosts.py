"""Several hosts, each with an address of its own, and a cable that is pulled."""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import threading

import pytest
from commands import SHOP, items, until
from namespaces import Site, needs_hosts
from programs import assert_gone

from labkit import errors
from labkit.lessons import networks
from labkit.lessons.networks import network
from labkit.manager import make_server, open_connection
from labkit.programs import processes


@pytest.fixture(scope="module")
def net():
    """Return three hosts on a switch."""
    with network("server", "near", "far") as net:
        yield net


@pytest.fixture
def site(tmp_path, net, request):
    """Return a folder with jobs, and a server on the first host."""
    site = Site(tmp_path, net)
    site.write("shop.py", SHOP)
    site.serve(silence_s=getattr(request, "param", 1))
    yield site
    processes.stop_all()
    site.close()
    net["far"].plug_in()


def start_worker(site, host, visibility_s=600):
    """Start a worker whose tasks wait for a file, and which waits for its server."""
    options = ["--job", "shop:patient", "--retry-for", 60, "--visibility", visibility_s]
    return site.on(host, "worker", *options)


@needs_hosts
def test_a_host_that_is_cut_off_loses_no_task_and_comes_back(site):
    """Its task is done by another host; plugged in again, it does its share."""
    go = site.folder / "go"
    master = site.on("server", "master", stdin="1\n2\n3\n4\n")
    start_worker(site, "far")
    far = site.begun(1)
    site.net["far"].unplug()
    near = start_worker(site, "near")
    assert site.begun("*", besides=[far])
    go.touch()
    out, err = master.finish()
    assert sorted(record["result"] for record in items(out)) == [1, 2, 3, 4]
    assert "4 of 4 tasks done" in err
    assert near.process.poll() is None

    go.unlink()
    site.net["far"].plug_in()
    master = site.on("server", "master", stdin="5\n6\n")
    assert {site.begun(5), site.begun(6)} > {far}
    go.touch()
    out, _ = master.finish()
    assert sorted(record["result"] for record in items(out)) == [5, 6]


@pytest.mark.long
@needs_hosts
@pytest.mark.parametrize("site", [600], indirect=True)
def test_a_host_that_never_comes_back_loses_no_task(site):
    """Nobody says that it has gone, and its receipts run out all the same."""
    workers = [start_worker(site, host, visibility_s=2) for host in ("near", "far")]
    master = site.on("server", "master", stdin="1\n2\n3\n")
    site.begun(1)
    site.begun(2)
    site.net["far"].unplug()
    site.folder.joinpath("go").touch()
    out, _ = master.finish()
    assert sorted(record["result"] for record in items(out)) == [1, 2, 3]
    assert all(worker.process.poll() is None for worker in workers)


WAITING = """
from labkit import connect, errors
from labkit.manager import wire

wire.prepare.__defaults__ = (1.0,)  # seconds of silence, for this program
server = connect(address, key, retry_for=60)
letters, tasks = server.get_queue("letters"), server.get_task_queue()
letters.qsize()  # connects
print("waiting", flush=True)
try:
    letters.get()
except errors.OutcomeUnknownError as error:
    print("lost:", error, flush=True)
tasks.qsize()  # tries until the server is there again
print("back", flush=True)
receipt, task = tasks.receive()
tasks.ack(receipt)
print("got", task, flush=True)
"""
PUTTING = """
from labkit import connect

connect(address, key).get_task_queue().put("tea")
"""


@needs_hosts
def test_a_client_notices_that_its_server_vanished(site):
    """A call that waits for an answer ends; the client comes back to the server."""
    client = site.script("far", "client", WAITING)
    client.wait_for_output("waiting")
    site.net["far"].unplug()
    lost = client.wait_for_output("lost:")
    assert f"{site.address} ended during get()" in lost
    site.net["far"].plug_in()
    client.wait_for_output("back", timeout=20)
    assert site.script("server", "producer", PUTTING).wait() == 0
    assert client.wait() == 0
    assert "got tea" in client.output


def options_of(sock):
    """Return the seconds after which the system gives up on a silent peer."""

    def read(name):
        return sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))

    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert read("TCP_NODELAY")
    probing = read("TCP_KEEPIDLE") + read("TCP_KEEPINTVL") * read("TCP_KEEPCNT")
    return probing, read("TCP_USER_TIMEOUT") / 1000


@pytest.mark.skipif(sys.platform != "linux", reason="the options of Linux")
def test_both_ends_of_a_connection_give_up_on_a_silent_peer():
    """An idle line is probed; one with data under way has a limit, too."""
    server = make_server(("127.0.0.1", 0), b"key")
    server.acceptor.silence_s = 12
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with contextlib.closing(open_connection(server.address, b"key")) as wire:
        (theirs,) = until(lambda: [*server._clients])
        assert options_of(wire.sock) == (30, 30)
        assert options_of(theirs.sock) == (12, 12)
    server.stop()
    thread.join()


def test_an_address_that_answers_nothing_has_a_sentence(monkeypatch):
    """It is told apart from a server that lets one in and then says nothing."""

    def connect(_sock, _address):
        raise TimeoutError("timed out")

    monkeypatch.setattr("labkit.manager.wire.QuietSocket.connect", connect)
    said = "192.0.2.1:5555 did not answer for 5 s: the host is off or cut off, a firew"
    with pytest.raises(errors.ServerTimeoutError, match=re.escape(said)):
        open_connection(("192.0.2.1", 5555), b"key")


@needs_hosts
@pytest.mark.parametrize("options", [None, ("--user", "--map-root-user")])
def test_nothing_is_left_of_a_network(options, monkeypatch):
    """Also when the block ends with an error, and whoever has made it, all ends."""
    if options:  # as for somebody who is not root
        tried = [shutil.which("unshare"), *options, "--net", "true"]
        if subprocess.run(tried, capture_output=True, check=False).returncode:
            pytest.skip("this system lets nobody make user namespaces")
        monkeypatch.setattr(networks, "_trial", lambda: (options, ""))
    pids = []

    def go_wrong():
        with network("one", "two") as net:
            here = net["two"].address
            program = net["two"].start("-m", "http.server", "--bind", here)
            pids.extend([program.pid, *(host.pid for host in net.values())])
            program.wait_for_output("Serving HTTP on")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        go_wrong()
    assert_gone(pids, 5)


def test_names_of_hosts_are_checked():
    """No name, one twice and the switch's own are refused with a sentence."""
    for names in ((), ("one", "one"), ("one", "switch")):
        with pytest.raises(ValueError, match="give 1 to 64 different names"):
            network(*names)


def test_a_machine_without_namespaces_says_why(monkeypatch):
    """The reason is a sentence, for tests that are skipped and for lessons."""
    monkeypatch.setattr("labkit.lessons.networks.sys.platform", "darwin")
    with pytest.raises(
        errors.NetworkError, match="exist on Linux only, and this is dar"
    ):
        network("one")
    monkeypatch.undo()
    monkeypatch.setattr("labkit.lessons.networks.sys.platform", "linux")
    monkeypatch.setitem(networks._ENV, "PATH", "")
    with pytest.raises(errors.NetworkError, match="command ip is missing: install"):
        network("one")
