import socket

# The name for "ask after so many seconds", on Linux and Windows or macOS.
TCP_IDLE = getattr(socket, "TCP_KEEPIDLE", None) or socket.TCP_KEEPALIVE


def set_up(wire, silence_s):
    """Notice a vanished machine; `silence_s` is a multiple of 6."""
    wire.settimeout(None)
