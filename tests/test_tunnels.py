"""What the wire shows without a tunnel, and with stunnel as deploy/ sets it up."""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from namespaces import needs_hosts
from programs import free_address, until

from labkit import connect, errors, start_process, start_server, wiretap
from labkit.lessons.networks import network
from labkit.manager import shown
from labkit.manager.keys import write_key_file
from labkit.tap.relay import Relay

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
STUNNEL = shutil.which("stunnel4") or shutil.which("stunnel")
needs_tools = pytest.mark.skipif(
    not (STUNNEL and shutil.which("openssl")),
    reason="stunnel or openssl is not installed; both are packages of most systems",
)
SECRET = "card 4929 0012"


class Bytes:
    """What a relay tells it of, as bytes, in place of a recording."""

    heard = b""

    def hear(self, _number, _way, chunks):
        """Take what passes."""
        for chunk in chunks:
            self.heard += chunk

    def refuse(self, _number, error):
        """Take nothing: there is a server."""
        raise AssertionError(error)


@pytest.fixture(scope="module")
def server():
    """Return a queue server on loopback."""
    with start_server() as server:
        yield server


def certificate(folder, name="tunnel"):
    """Make a certificate and its key, as deploy/README.md says."""
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    words = page[page.index("openssl req") :].partition("\nstunnel")[0].split()
    command = " ".join(words).replace("\\ ", "").replace("tunnel", name).split()
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return folder / f"{name}.pem"


@contextlib.contextmanager
def end_of_tunnel(folder, kind, connect_to, *, host=None, accept=None, **changes):
    """Run one end, as a file in deploy/ says; give the address where it accepts.

    Told to be quick, it asks a silent host after a second, once.
    """
    address = accept or free_address()
    text = (DEPLOY / f"stunnel-{kind}.conf").read_text(encoding="utf-8")
    settings = {"accept": shown(address), "connect": shown(connect_to), **changes}
    if settings.pop("quick", False):
        text = re.sub(r"(TCP_KEEP\w+)=\d+", r"\1=1", text)
    for name, value in settings.items():
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
    file = folder / f"{kind}-{address[1]}.conf"
    file.write_text(text)
    command = host.command(STUNNEL, file) if host else [STUNNEL, str(file)]
    with start_process(*command, name=file.stem, cwd=folder) as program:
        program.wait_for_output("Configuration successful")
        yield address, program


@pytest.fixture(scope="module")
def outer(server, tmp_path_factory):
    """Return a folder with a certificate, and where the server's end listens."""
    folder = tmp_path_factory.mktemp("tunnel")
    certificate(folder)
    with end_of_tunnel(folder, "server", server.address) as (address, _):
        yield folder, address


def talk(address, authkey):
    """Put a secret and take it out again, over an address."""
    tasks = connect(address, authkey).get_task_queue()
    tasks.put(SECRET)
    assert tasks.get(timeout=5) == SECRET


def test_the_key_protects_the_door_and_not_the_talk(server):
    """Who listens on the way reads every item, though never the key."""
    recording = Bytes()
    relay = Relay(server.address, recording.hear, recording.refuse)
    try:
        with wiretap(relay) as tap:
            talk(tap.address, server.authkey)
        assert any(SECRET in message.text for message in tap.messages)
    finally:
        relay.close()
    assert SECRET.encode() in recording.heard
    assert bytes(server.authkey) not in recording.heard


@needs_tools
def test_a_tunnel_makes_the_tap_blind(server, outer):
    """In a tunnel the same talk is noise: no item, no method, no challenge."""
    folder, address = outer
    recording = Bytes()
    relay = Relay(address, recording.hear, recording.refuse)
    try:
        with (
            wiretap(relay) as tap,
            end_of_tunnel(folder, "client", tap.address) as (inner, _),
        ):
            talk(inner, server.authkey)
            blind = tap.messages
    finally:
        relay.close()
    assert {message.kind for message in blind} == {"incomplete"}
    assert len(recording.heard) > 1000
    for word in (SECRET, "put_packed", "CHALLENGE", "get_task_queue"):
        assert word.encode() not in recording.heard


@needs_tools
def test_a_tunnel_lets_nobody_in_without_the_key(server, outer):
    """The door is still there, behind the tunnel, and still says what is wrong."""
    folder, address = outer
    with end_of_tunnel(folder, "client", address) as (inner, _):
        with pytest.raises(errors.WrongKeyError, match=f":{inner[1]} has another auth"):
            connect(inner, b"another key, of which nobody knows")
        assert connect(inner, server.authkey).get_task_queue().qsize() == 0


@needs_tools
def test_an_impostor_hears_nothing(server, outer):
    """Whoever has another certificate is hung up on before the talk begins."""
    folder, _ = outer
    own = {"cert": certificate(folder, "other"), "key": folder / "other-key.pem"}
    recording = Bytes()
    relay = Relay(server.address, recording.hear, recording.refuse)
    try:
        with (
            end_of_tunnel(folder, "server", relay.address, **own) as (false, _),
            end_of_tunnel(folder, "client", false) as (inner, program),
        ):
            with pytest.raises(errors.NotAQueueServerError, match="hung up during the"):
                connect(inner, server.authkey)
            assert until(lambda: "CERT: " in program.output)
    finally:
        relay.close()
    assert b"CHALLENGE" not in recording.heard


BEGIN = """
import sys, threading
from labkit import connect
from labkit.manager.keys import read_key_file
key = read_key_file(sys.argv[1])
"""
VANISHES = """
tasks = connect(("127.0.0.1", 5555), key).get_task_queue()
tasks.put("bread")
receipt, task = tasks.receive(600)
threading.Event().wait(0.3)  # until its system has said that all has come
print("has", task, flush=True)
threading.Event().wait(60)
"""
WAITS = """
tasks = connect(("127.0.0.1", 5555), key).get_task_queue()
receipt, task = tasks.receive(timeout=20)
print("has", task)
"""


@pytest.mark.long
@needs_tools
@needs_hosts
def test_the_end_of_a_tunnel_notices_a_host_that_vanished(tmp_path):
    """It closes the connection to the server, which hands the task to another."""
    certificate(tmp_path)
    key_file = write_key_file(tmp_path / "lab.key")
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(network("shop", "far"))
        shop, far = net["shop"], net["far"]
        where = ["--host", "127.0.0.1", "--port", "5555", "--key-file", str(key_file)]
        shop.start("-m", "labkit", "serve", *where).wait_for_output("serving at")
        inside, outside = ("127.0.0.1", 5555), (shop.address, 5556)
        server_end = end_of_tunnel(
            tmp_path, "server", inside, host=shop, accept=outside, quick=True
        )
        stack.enter_context(server_end)
        client_end = end_of_tunnel(
            tmp_path, "client", outside, host=far, accept=inside, quick=True
        )
        stack.enter_context(client_end)

        def start(host, name, text):
            path = tmp_path / f"{name}.py"
            path.write_text(BEGIN + text, encoding="utf-8")
            return host.start(path, str(key_file), name=name)

        start(far, "vanishes", VANISHES).wait_for_output("has bread")
        waits = start(shop, "waits", WAITS)
        far.unplug()
        assert waits.wait() == 0
        assert "has bread" in waits.output
