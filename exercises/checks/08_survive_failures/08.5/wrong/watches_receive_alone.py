import queue
import signal

GONE = (EOFError, ConnectionError)


def run(orders, work):
    """Pack orders until told to end; return the exit code."""
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    while not told:
        try:
            receipt, order = orders.receive(timeout=0.2)
        except queue.Empty:
            continue
        except GONE:
            print("The server has gone.")
            return 0
        work(order)
        orders.ack(receipt)
    print("Told to end.")
    return 0
