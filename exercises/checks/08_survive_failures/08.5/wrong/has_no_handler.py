import queue

GONE = (EOFError, ConnectionError)


def run(orders, work):
    """Pack orders until told to end; return the exit code."""
    while True:
        try:
            receipt, order = orders.receive(timeout=0.2)
        except queue.Empty:
            continue
        except GONE:
            print("The server has gone.")
            return 0
        work(order)
        try:
            orders.ack(receipt)
        except GONE:
            print("The server has gone.")
            return 0
