import queue


def pack(orders, work, ledger, idle_s):
    """Work on each order once; its id is then a line of the ledger."""
    done = set()
    while True:
        try:
            receipt, order = orders.receive(timeout=idle_s)
        except queue.Empty:
            return
        if order["id"] not in done:
            work(order)
            done.add(order["id"])
        orders.ack(receipt)
