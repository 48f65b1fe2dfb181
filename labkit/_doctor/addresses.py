"""Whether programs of this machine can reach each other, and at which ports."""

__all__ = ["check_loopback", "check_ports"]

import errno
import socket
from pathlib import Path

from labkit._doctor.findings import Check

LOOPBACK_S = 5.0
LAB_PORT = 8888
# As JupyterLab looks for a port: five in a row, then some of those around.
LAB_TRIES = (*range(LAB_PORT, LAB_PORT + 5), *range(LAB_PORT - 100, LAB_PORT + 101))
FEWEST_FREE = 500  # a lesson takes dozens, a measurement with many clients hundreds
PROC = Path("/proc")  # on Linux


def check_loopback() -> Check:
    """Send one byte to ourselves, as a server and its clients do."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), LOOPBACK_S) as client,
        ):
            server.settimeout(LOOPBACK_S)
            peer, _ = server.accept()
            with peer:
                client.sendall(b"!")
                peer.settimeout(LOOPBACK_S)
                arrived = peer.recv(1) == b"!"
    except OSError as problem:
        found = f"127.0.0.1 does not work ({problem})"
        todo = "allow Python on 127.0.0.1 in the firewall or security program"
        if problem.errno in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
            todo = "wait two minutes, or end programs with many connections"
        elif problem.errno in {errno.EMFILE, errno.ENFILE}:
            todo = "end programs that hold many files or connections open"
        return Check("loopback", "FAIL", found, todo)
    return Check("loopback", "ok" if arrived else "FAIL", "127.0.0.1 answers")


def check_ports(proc: Path = PROC) -> Check:
    """Tell where JupyterLab could listen, and how many ports servers have left."""
    port = next(filter(is_free, LAB_TRIES), None)
    if port is None:
        found = f"no free port for JupyterLab from {LAB_PORT} on"
        todo = "python3 -m labkit lab --port 9888 takes another"
        return Check("ports", "FAIL", found, todo)
    found = f"JupyterLab takes {port}"
    if port != LAB_PORT:
        which = port if port in LAB_TRIES[:5] else "one nearby"
        found = f"{LAB_PORT} is taken, perhaps by another lab; yours takes {which}"
    left = ports_left(proc)
    if left is not None and left < FEWEST_FREE:
        todo = "wait two minutes, or end programs with many connections"
        return Check("ports", "warn", f"only {left} are left for servers", todo)
    return Check("ports", "ok", found)


def is_free(port: int) -> bool:
    """Tell whether a server could listen at a port of this machine."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def ports_left(proc: Path) -> int | None:
    """Return how many of the ports that Linux hands out are free; elsewhere None."""
    try:
        limits = (proc / "sys/net/ipv4/ip_local_port_range").read_text("ascii")
        tables = [(proc / "net" / name).read_text("ascii") for name in ("tcp", "tcp6")]
    except OSError:
        return None
    first, last = map(int, limits.split())
    rows = [line.split() for text in tables for line in text.splitlines()[1:]]
    taken = {int(row[1].rpartition(":")[2], 16) for row in rows}
    return last - first + 1 - len(taken & {*range(first, last + 1)})
