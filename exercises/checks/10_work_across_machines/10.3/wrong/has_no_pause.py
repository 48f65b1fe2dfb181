import time


def reach(connect, give_up_s, pause_s):
    """Return what connect() returns, as soon as it works."""
    until = time.monotonic() + give_up_s
    while True:
        try:
            return connect()
        except OSError:
            if time.monotonic() >= until:
                raise
