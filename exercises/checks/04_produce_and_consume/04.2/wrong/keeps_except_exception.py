import queue


def consume(orders, work, idle_s):
    """Work on orders; say "empty" or "lost" when that is over."""
    while True:
        try:
            order = orders.get(timeout=idle_s)
            work(order)
        except queue.Empty:
            return "empty"
        except Exception:
            return "lost"
