import queue


def consume(orders, handle, idle_s):
    """Handle orders until none has come for `idle_s` seconds."""
    while True:
        try:
            order = orders.get(timeout=idle_s)
        except Queue.Empty:
            return
        handle(order)
