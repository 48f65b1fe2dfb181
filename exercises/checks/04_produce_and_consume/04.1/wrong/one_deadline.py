import queue
import time


def consume(orders, handle, idle_s):
    """Handle orders until none has come for `idle_s` seconds."""
    deadline = time.monotonic() + idle_s
    while time.monotonic() < deadline:
        try:
            order = orders.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            return
        handle(order)
