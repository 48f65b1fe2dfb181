import queue
import secrets
from multiprocessing.managers import BaseManager

orders = queue.Queue()


def get_orders():
    return orders


class Shop(BaseManager):
    """Offers the orders under a name."""


Shop.register("get_orders", callable=get_orders)


def open_shop(work, context):
    """Open a shop for as long as work runs; return how many orders are left."""
    key = secrets.token_bytes(32)
    manager = Shop(("127.0.0.1", 0), key, ctx=context)
    manager.start()
    work(manager.address, key)
    left = manager.get_orders().qsize()
    manager.shutdown()
    return left
