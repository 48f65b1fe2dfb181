"""What the wire shows without a tunnel, and with stunnel as deploy/ sets it up."""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from programs import free_address, until

from labkit import connect, errors, start_process, start_server, wiretap
from labkit.manager import shown
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
def end_of_tunnel(folder, kind, connect_to, **changes):
    """Run one end, as a file in deploy/ says; give the address where it accepts."""
    address = free_address()
    text = (DEPLOY / f"stunnel-{kind}.conf").read_text(encoding="utf-8")
    assert text.count("KEEP") == 4  # it notices a host that vanished
    settings = {"accept": shown(address), "connect": shown(connect_to), **changes}
    for name, value in settings.items():
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
    file = folder / f"{kind}-{address[1]}.conf"
    file.write_text(text)
    with start_process(STUNNEL, str(file), name=file.stem, cwd=folder) as program:
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
