"""A standard-library exchange with every kind of message, run by any Python.

``exchange.py serve WHERE`` serves until its input ends, and prints its address;
``exchange.py talk ADDRESS`` is its client. Addresses are written as Python.
"""

import contextlib
import os
import queue
import sys
import threading
from ast import literal_eval
from multiprocessing import AuthenticationError
from multiprocessing.managers import BaseManager, ListProxy, RemoteError

KEY = b"lighthouse"


class Ledger:
    """What a shop hosts."""

    def __init__(self):
        self.orders = queue.Queue()

    def put(self, order, block=True):
        """Take an order."""
        self.orders.put(order, block)

    def get(self, block=True):
        """Hand out an order; raises Empty when there is none."""
        return self.orders.get(block)

    def page(self):
        """Return what is registered to be returned as a proxy."""
        return ["tea", "milk"]

    def lock(self):
        """Return what no pickle can hold."""
        return threading.Lock()


class Shop(BaseManager):
    """The manager of both sides."""


ledger = Ledger()
Shop.register(
    "get_ledger",
    callable=lambda: ledger,
    exposed=("put", "get", "page", "lock"),
    method_to_typeid={"page": "Page"},
)
Shop.register("Page", proxytype=ListProxy, create_method=False)


def serve(where):
    """Serve until the standard input ends."""

    def watch():
        sys.stdin.read()
        os._exit(0)

    server = Shop(where, KEY).get_server()
    print(repr(server.address), flush=True)
    threading.Thread(target=watch, daemon=True).start()
    server.serve_forever()


def talk(address):
    """Knock with a wrong key; then make the server send each kind of answer."""
    with contextlib.suppress(AuthenticationError):
        Shop(address, b"lantern").connect()
    shop = Shop(address, KEY)
    shop.connect()
    orders = shop.get_ledger()
    orders.put("hello", block=True)
    print(orders.get())
    with contextlib.suppress(queue.Empty):
        orders.get(False)
    print(orders.page()[1])
    for method in ("burn", "lock"):
        with contextlib.suppress(RemoteError):
            orders._callmethod(method)


if __name__ == "__main__":
    {"serve": serve, "talk": talk}[sys.argv[1]](literal_eval(sys.argv[2]))
