import socket
from multiprocessing import connection
from multiprocessing.managers import listener_client


def hurry(wire):
    """Set TCP_NODELAY on a TCP connection, and return it."""
    with socket.fromfd(wire.fileno(), socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # a Unix socket
            pass
    return wire


class HurriedListener(connection.Listener):
    """The server's side."""

    def accept(self):
        """Return the next connection."""
        return hurry(super().accept())


def hurried_client(*args, **options):
    """Connect, on the client's side."""
    return connection.Client(*args, **options)


listener_client["hurried"] = (HurriedListener, hurried_client)
