"""Several hosts on one machine: Linux network namespaces, joined by a bridge.

A namespace has interfaces, addresses, routes and ports of its own. A program in one
reaches a program in another over the wire between them, and by no other way: for
both it is as if they ran on two machines, with one disk. Nothing of it is seen by
the machine's own network, and all of it ends with the process that made it.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from labkit.errors import NetworkError, ProgramError
from labkit.programs import ProgramProcess, start_process

# Where a system keeps ip is not on everybody's way.
_ENV = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
_TOOLS = ("ip", "unshare", "nsenter", "sh", "sleep")
# Each host is a program that sleeps in a network namespace of its own; one more
# namespace, the one that this script is in, has the switch between them.
_SCRIPT = """
ip link add switch type bridge && ip link set switch up || exit 1
for name; do
    unshare --net sh -c 'echo "$$ $0 is up"; exec sleep 2147483647' "$name" &
done
echo "$$ switch is up"
wait
"""
_WAIT = 'until ip -d link show dev "$1" | grep -q forwarding; do sleep 0.02; done'
_TRIAL = "ip link add one type veth peer name other && ip link add switch type bridge"


class Host:
    """One host of a network.

    Attributes
    ----------
    name : str
    address : str
        Its IPv4 address on the network's only wire; it has a loopback of its own.
    """

    def __init__(self, network: "Network", name: str, number: int, pid: int) -> None:
        self.name = name
        self.address = f"10.77.0.{number}"
        self.port = f"port{number}"
        self.pid = pid
        self._network = network

    def command(self, *argv: str | os.PathLike[str]) -> list[str]:
        """Return the command that runs a program on this host."""
        return [*self._network.entering(self.pid), *(os.fspath(word) for word in argv)]

    def start(
        self, path: str | os.PathLike[str], *args: str, name: str | None = None
    ) -> ProgramProcess:
        """Start a Python program on this host, else as ``start_process`` does.

        Parameters
        ----------
        path : str or path
            A Python file, or ``-m`` and a module's name as the first argument.
        *args : str
            The program's arguments.
        name : str, optional
            What it is called in ``processes``; this host's name by default.
        """
        nsenter, *rest = self.command(sys.executable, path, *args)
        program = start_process(nsenter, *rest, name=name or self.name)
        self._network.programs.append(program)
        return program

    def unplug(self) -> None:
        """Pull this host's cable out of the switch: nothing comes or goes."""
        _ip(self._network.switch, f"link set {self.port} down")

    def plug_in(self) -> None:
        """Put the cable in again."""
        switch = self._network.switch
        _ip(switch, f"link set {self.port} up")
        # The switch looks at its ports once a second; and who was not heard of
        # meanwhile is asked for anew.
        _change([*switch, "sh", "-c", _WAIT, "sh", self.port])
        for each in self._network.values():
            _ip(each.command(), "neighbour flush dev wire")

    def __repr__(self) -> str:
        return f"<Host {self.name!r} at {self.address}>"


class Network(dict[str, Host]):
    """Hosts that reach each other over a switch, and nothing else, by their names.

    A context manager that takes them away. However this process ends, they end with it.

    Parameters
    ----------
    *names : str
        Of the hosts, 1 to 64 different ones; the first has the address 10.77.0.1.

    Raises
    ------
    NetworkError
        This machine cannot make one; :func:`obstacle` says why.
    ValueError
        There is no name, or more than 64, or the same one twice.
    """

    def __init__(self, *names: str) -> None:
        if not 0 < len({*names} - {"switch"}) == len(names) <= 64:
            raise ValueError(
                "give 1 to 64 different names of hosts, none of them 'switch'; "
                f"got {names}"
            )
        if reason := obstacle():
            raise NetworkError(reason)
        options = _trial()[0]
        self._entry = ["--user", "--preserve-credentials"] if options else []
        self.programs: list[ProgramProcess] = []
        argv = [_tool("unshare"), *options, "--net", "sh", "-c", _SCRIPT, "sh", *names]
        self._holder = ProgramProcess(*argv, name="the network", env=_ENV)
        try:
            self.switch = self.entering(self._pid("switch"))
            for number, name in enumerate(names, 1):
                self[name] = Host(self, name, number, self._pid(name))
                self._join(self[name])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Take the hosts away, with the programs this process started on them.

        The system removes a namespace, its wires and addresses with the last
        process in it. Safe to call twice.
        """
        for program in self.programs:
            program.stop()
        self._holder.stop(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pid(self, name: str) -> int:
        """Return the process that keeps that namespace alive."""
        try:
            line = self._holder.wait_for_output(f" {name} is up")
        except ProgramError as error:
            raise NetworkError(f"there is no network: {error}") from None
        return int(line.split()[0])

    def _join(self, host: Host) -> None:
        """Put a cable between a host and the switch, and an address at its end."""
        _ip(
            self.switch,
            f"link add {host.port} type veth peer name wire netns {host.pid}",
            f"link set {host.port} master switch up",
        )
        _ip(
            host.command(),
            "link set lo up",
            f"address add {host.address}/24 dev wire",
            "link set wire up",
        )

    def entering(self, pid: int) -> list[str]:
        """Return the beginning of a command that runs where that process is."""
        return [_tool("nsenter"), f"--target={pid}", "--net", *self._entry, "--"]


network = Network


def obstacle() -> str | None:
    """Return why this machine cannot make a network, in a sentence; None if it can."""
    if sys.platform != "linux":
        return f"network namespaces exist on Linux only, and this is {sys.platform}"
    missing = [name for name in _TOOLS if shutil.which(name, path=_ENV["PATH"]) is None]
    if missing:
        return f"the command {missing[0]} is missing: install iproute2 and util-linux"
    if said := _trial()[1]:
        return f"this system does not let you create network namespaces ({said})"
    return None


@functools.cache
def _trial() -> tuple[tuple[str, ...], str]:
    """Return the options with which unshare works here, and what it said if it fails."""
    said = ""
    for options in ((), ("--user", "--map-root-user")):  # as root; as anybody
        said = _complaint(["unshare", *options, "--net", "sh", "-c", _TRIAL])
        if not said:
            return options, ""
    return (), said


def _tool(name: str) -> str:
    return shutil.which(name, path=_ENV["PATH"]) or name


def _ip(enter: Sequence[str], *lines: str) -> None:
    _change([*enter, "ip", "-batch", "-"], "\n".join(lines) + "\n")


def _change(argv: Sequence[str], text: str = "") -> None:
    if said := _complaint(argv, text):
        raise NetworkError(f"the network could not be changed: {said}")


def _complaint(argv: Sequence[str], text: str = "") -> str:
    """Run a command; return what it said if it failed."""
    try:
        subprocess.check_output(
            argv, input=text, text=True, timeout=10, env=_ENV, stderr=subprocess.STDOUT
        )
    except subprocess.CalledProcessError as error:
        return str(error.output).strip().replace("\n", "; ") or str(error)
    return ""
