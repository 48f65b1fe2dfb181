import queue

from labkit.errors import ReceiptError


def pack(orders, work, idle_s, hold_s):
    """Work on orders until none has come for `idle_s` seconds."""
    while True:
        try:
            receipt, order = orders.receive(hold_s, timeout=idle_s)
        except queue.Empty:
            return
        try:
            work(order)
            orders.ack(receipt)
        except Exception:
            orders.nack(receipt)
