import socket

# The name for "ask after so many seconds", on Linux and Windows or macOS.
TCP_IDLE = getattr(socket, "TCP_KEEPIDLE", None) or socket.TCP_KEEPALIVE


def set_up(wire, silence_s):
    """Notice a vanished machine; `silence_s` is a multiple of 6."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wire.setsockopt(socket.IPPROTO_TCP, TCP_IDLE, silence_s // 2)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, silence_s // 6)
