import queue


def pack(orders, work, idle_s):
    """Work on orders until none has come for `idle_s` seconds."""
    while True:
        try:
            receipt, order = orders.receive(timeout=idle_s)
        except queue.Empty:
            return
        try:
            work(order)
        finally:
            orders.ack(receipt)
