import queue


def pack(orders, work, ledger, idle_s):
    """Work on each order once; its id is then a line of the ledger."""
    while True:
        try:
            receipt, order = orders.receive(timeout=idle_s)
        except queue.Empty:
            return
        if order["item"] not in ledger.read_text().split():
            work(order)
            with ledger.open("a") as file:
                file.write(f"{order['item']}\n")
        orders.ack(receipt)
