import queue
from multiprocessing.managers import BaseManager


class Shop(BaseManager):
    """Offers the orders under a name."""


orders = queue.Queue()


def get_orders():
    return orders


Shop.register("get_orders", callable=get_orders)


def run(key, tell):
    """Serve until Ctrl-C; then say how many orders are left."""
    server = Shop(("127.0.0.1", 0), authkey=key).get_server()
    tell(server.address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print(f"Goodbye, {orders.qsize()} orders left.")
