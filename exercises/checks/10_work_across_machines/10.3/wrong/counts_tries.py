import time


def reach(connect, give_up_s, pause_s):
    """Return what connect() returns, as soon as it works."""
    until = time.monotonic() + give_up_s
    for number in range(give_up_s):
        try:
            return connect()
        except OSError:
            if number == give_up_s - 1:
                raise
        time.sleep(pause_s)
