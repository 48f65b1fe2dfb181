"""11.1: a stand-in for a Dask client counts what travels, and who waits for whom."""

from labkit.grader.fixtures import points, shown

NO_WAIT = "The stand-in has done each task by the time submit() returns."
ORDERS = [3, 5, 2]


class _Tray(list):
    """A long list, which should stay where it was made."""


class _Future:
    """A result on a worker."""

    def __init__(self, client, value):
        self._client, self._value = client, value

    def result(self, timeout=None):  # noqa: ARG002 - as Dask's
        """Bring the value here."""
        self._client.log.append("bring")
        self._client.brought += isinstance(self._value, _Tray)
        return self._value


def _known(arg):
    """Put values in the place of futures, in a list of them, too, as Dask does."""
    if isinstance(arg, list | tuple) and not isinstance(arg, _Tray):
        return [_known(one) for one in arg]
    return arg._value if isinstance(arg, _Future) else arg


class _Client:
    """Keeps account; has the four methods of the task."""

    def __init__(self):
        self.log, self.brought, self.sent = [], 0, 0

    def submit(self, function, *args, **_options):
        """Do a task at once; futures among its arguments stay where they are."""
        self.log.append("submit")
        self.sent += sum(isinstance(arg, _Tray) for arg in args)
        values = [_known(arg) for arg in args]
        return _Future(self, function(*values))

    def map(self, function, *rows, **_options):
        """Submit a task for each."""
        return [self.submit(function, *args) for args in zip(*rows, strict=False)]

    def gather(self, futures, **_options):
        """Bring many here."""
        if isinstance(futures, _Future):
            return futures.result()
        return [future.result() for future in futures]


def _count(answer):
    client = _Client()

    def make(order):
        return _Tray(["cup"] * order)

    call = answer.call("count_cups", client=client, make=make, orders=list(ORDERS))
    return client, call, call.returns(NO_WAIT)


@points(3, "returns the numbers, and lets no tray travel")
def test_trays_stay(answer):
    """The numbers are right; no tray comes here, and none goes back."""
    client, call, got = _count(answer)
    got = list(got) if isinstance(got, list | tuple) else got
    names = {type(one).__name__ for one in got} if isinstance(got, list) else set()
    assert "_Future" not in names, (
        f"{call} returned futures; expected numbers. A future is the name of a result: "
        "gather() brings the results themselves."
    )
    assert got == ORDERS, f"{call} returned {shown(got)}; expected {ORDERS}."
    assert not client.sent, (
        f"{call} sent {client.sent} trays from here to a worker; expected none. Hand "
        "over the future: it goes in wherever the value would."
    )
    assert not client.brought, (
        f"{call} brought {client.brought} trays here; expected none. Let a worker "
        "count: len is a function like any other, and a future may be its argument."
    )


@points(2, "submits all before it waits")
def test_side_by_side(answer):
    """All is submitted before anything is waited for."""
    client, call, _ = _count(answer)
    last = len(client.log) - 1 - client.log[::-1].index("submit")
    early = client.log[:last].count("bring")
    assert not early, (
        f"{call} waited for {early} results before it had submitted all tasks; "
        "expected none. result() waits: while it does, no further tray is begun."
    )
