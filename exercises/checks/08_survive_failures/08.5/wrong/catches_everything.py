import queue
import signal


def run(orders, work):
    """Pack orders until told to end; return the exit code."""
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    while not told:
        try:
            receipt, order = orders.receive(timeout=0.2)
            work(order)
            orders.ack(receipt)
        except queue.Empty:
            continue
        except Exception:
            print("The server has gone.")
            return 0
    print("Told to end.")
    return 0
