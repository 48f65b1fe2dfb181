from multiprocessing.managers import BaseManager, ListProxy


class Stock:
    """Things in the order in which they came."""

    def __init__(self):
        self._things = []

    def __len__(self):
        return len(self._things)

    def add(self, thing):
        self._things.append(thing)

    def things(self):
        return self._things

    def clear(self):
        self._things.clear()


class Warehouse(BaseManager):
    """Offers one stock under the name get_stock."""


stock = Stock()


def get_stock():
    """Hand out the one stock."""
    return stock


Warehouse.register(
    "get_stock",
    callable=get_stock,
    exposed=["__len__"],
    method_to_typeid={"things": "Things"},
)
Warehouse.register("Things", proxytype=ListProxy, create_method=False)


def open_warehouse(address, key):
    """Bind the address; the check runs what this returns."""
    return Warehouse(address, authkey=key).get_server()
