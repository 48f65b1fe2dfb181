import queue
from multiprocessing.managers import BaseManager


class Shop(BaseManager):
    """Offers the orders under a name."""


def serve(key, tell):
    """Serve orders for ever, after telling the address."""
    orders = queue.Queue()

    def get_orders():
        return orders

    Shop.register("get_orders", callable=get_orders)
    manager = Shop(("127.0.0.1", 0), authkey=key)
    server = manager.get_server()
    server.serve_forever()
    tell(server.address)
