"""11.3: prices come in another order than they were asked for, and one never."""

import functools
import threading

import pytest
from distributed import Client

from labkit.grader.fixtures import points, shown, there

NO_END = "Each price is there within a moment: as_completed() yields each future once."
PRICES = {"sugar": 2, "tea": 3, "milk": None, "honey": 7}


class _Shop:
    """Has prices; that of sugar is there when all others have been shown."""

    def __init__(self, orders):
        self.orders, self.shown = list(orders), []
        self._others_shown = threading.Event()

    def show(self, order, price):
        """Take note of what the answer shows."""
        self.shown.append((order, price))
        if len(self.shown) == len(self.orders) - 1:
            self._others_shown.set()

    def price(self, order):
        """Return a price, or raise."""
        if order == "sugar":
            self._others_shown.wait(0.3)  # an answer may show them later, or never
        if PRICES[order] is None:
            raise KeyError(order)
        return PRICES[order]


_shops = []


def _price(order, shop):
    return _shops[shop].price(order)


@pytest.fixture(scope="module")
def client():
    """Lend a real Dask client, with a scheduler and a worker in this process."""
    with Client(
        processes=False,
        n_workers=1,
        threads_per_worker=4,
        dashboard_address=None,
    ) as client:
        yield client


def _collect(answer, client, orders):
    shop = _Shop(orders)
    _shops.append(shop)
    # Dask runs equal calls once: those of two shops are not equal.
    price = functools.partial(there(_price), shop=len(_shops) - 1)
    call = answer.call(
        "collect",
        client=client,
        price=price,
        orders=shop.orders,
        show=shop.show,
    )
    call.ends(NO_END)
    error = call.error
    why = "result() raises what the task raised: ask exception() first."
    if isinstance(error, AttributeError):
        why = (
            "concurrent.futures knows its own futures alone: Dask has an as_completed."
        )
    assert error is None, (
        f"{call} raised {shown(error)}, and the prices of the other "
        f"orders were lost; expected a dictionary. {why}"
    )
    assert isinstance(call.value, dict), (
        f"{call} {call.outcome}; expected a dictionary of orders and prices."
    )
    return call, call.value, shop.shown


@points(2, "gives every order its own price")
def test_every_order_has_its_own_price(answer, client):
    """The first order's price comes last."""
    orders = ["sugar", "tea", "honey"]
    call, got, _ = _collect(answer, client, orders)
    for order in orders:
        assert got.get(order) == PRICES[order], (
            f"{call} returned {shown(got.get(order))} for {shown(order)}; expected "
            f"{PRICES[order]}. as_completed() yields whichever is done first: keep "
            "which order a future belongs to."
        )


@points(2, "keeps the exception of an order as its price")
def test_an_error_is_a_price_too(answer, client):
    """There is no milk."""
    call, got, _ = _collect(answer, client, PRICES)
    assert "milk" in got, (
        f"{call} returned nothing for 'milk'; expected its KeyError. The program that asked for it must hear that it failed."
    )
    assert isinstance(got["milk"], KeyError), (
        f"{call} returned {shown(got['milk'])} for 'milk'; expected the KeyError itself, "
        "which exception() returns."
    )


@points(1, "shows each price as soon as it is there")
def test_shown_as_they_come(answer, client):
    """What is there first is shown first."""
    call, _, said = _collect(answer, client, PRICES)
    assert {order for order, _ in said} == {*PRICES}, (
        f"{call} showed {len(said)} of {len(PRICES)} orders; expected all."
    )
    assert said[-1][0] == "sugar", (
        f"{call} showed {said[0][0]!r} first and {said[-1][0]!r} last; the price of "
        "'sugar' came last. If you wait for each order in turn, one slow price holds up "
        "all the others."
    )
