"""Run labkit's commands as a user does: processes, real sockets, whole outputs."""

import base64
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import programs
from programs import Lines
from pythons import ROOT

from labkit.manager import shown
from labkit.manager.keys import read_key_file, write_key_file
from labkit.servers import start_server

# A command starts a Python, and sometimes several, before it does anything.
until = functools.partial(programs.until, within_s=20)


# Jobs of a shop: one that waits until a file `go` is there, one that kills its
# process, one that fails, and one whose result JSON cannot hold.
SHOP = """
import os, threading
from pathlib import Path

def patient(order):
    Path(f"started-{order}-{os.getpid()}").touch()
    while not Path("go").exists():
        threading.Event().wait(0.01)
    return order

def deadly(order):
    os._exit(9)

def picky(order):
    if order == "milk":
        raise KeyError("no milk today")
    if order == "nothing":
        raise SystemExit(1)
    return order.encode()
"""


def items(out):
    """Return what was printed, a line of JSON each."""
    return [json.loads(line) for line in out.splitlines()]


class Command:
    """A command that runs; its outputs are searched for the key, and tracebacks."""

    def __init__(self, lab, name, *args, stdin="", before=(), **options):
        self.lab = lab
        with tempfile.TemporaryFile() as file:
            file.write(stdin if isinstance(stdin, bytes) else stdin.encode())
            file.seek(0)
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "labkit", name, *map(str, args)],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                cwd=lab.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                **options,
            )
        self.out, self.err = Lines(), Lines()
        pairs = [(self.process.stdout, self.out), (self.process.stderr, self.err)]
        self._readers = [threading.Thread(target=self._read, args=p) for p in pairs]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, lines):
        with stream:
            for line in stream:
                lines(line)

    @property
    def pid(self):
        """The process id."""
        return self.process.pid

    def signal(self, signum):
        """Send it a signal."""
        self.process.send_signal(signum)

    def finish(self, code=0):
        """Wait for the end; return standard output and standard error."""
        try:
            found = self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end: {self.out.text} {self.err.text}") from None
        for reader in self._readers:
            reader.join(10)
        out, err = self.out.text, self.err.text
        assert found == code, err
        assert "Traceback" not in err
        for secret in self.lab.secrets():
            assert secret not in out + err
        return out, err


class Lab:
    """A folder with a key, perhaps a server, and commands that use both."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.key_file = write_key_file(folder / "lab.key")
        self.server = None
        self.commands = []

    def close(self):
        """End what a failed test has left running."""
        for command in self.commands:
            command.process.kill()
            command.process.wait(10)

    def serve(self, address=("127.0.0.1", 0)):
        """Start a server, for a with block."""
        self.server = start_server(address, read_key_file(self.key_file))
        return self.server

    @property
    def connect(self):
        """The options by which a command finds the server."""
        where = shown(self.server.address)
        return ["--connect", where, "--key-file", str(self.key_file)]

    def queue(self, name="tasks", maxsize=0):
        """Return a queue of the server."""
        return self.server.connect().get_queue(name, maxsize)

    def start(self, name, *args, **options):
        """Start a command."""
        command = Command(self, name, *args, **options)
        self.commands.append(command)
        return command

    def run(self, name, *args, code=0, **options):
        """Run a command to its end; return its outputs."""
        return self.start(name, *args, **options).finish(code)

    def secrets(self):
        """Return every way in which the key could show."""
        if not self.key_file.exists():
            return []
        key = bytes.fromhex(self.key_file.read_text(encoding="ascii"))
        return [key.hex(), repr(key)[2:-1], base64.b64encode(key).decode()]

    def write(self, name, text):
        """Write a file; return its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def start_shell(self, line):
        """Start a shell's command line in the folder."""
        return subprocess.Popen(
            line,
            shell=True,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def shell(self, line):
        """Run a shell's command line in the folder; return its standard output."""
        with self.start_shell(line) as process:
            out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        return out


def started(lab, order="*"):
    """Wait for a patient job to start; return the process id of its worker."""
    pattern = f"started-{order}-*"
    paths = until(lambda: list(lab.folder.glob(pattern)))
    return int(paths[0].name.rpartition("-")[2])
