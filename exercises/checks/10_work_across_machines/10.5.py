"""10.5: from the cost of a call to a number of machines."""

from labkit.grader.fixtures import points, shown

NO_END = "Nothing in it waits: call() returns at once."
LIKELY = {
    250: "That is the number of workers; a machine has 8 of them.",
    125: "That would be so with one call for each task; here a task makes 4.",
    32: "Machine 32 would have to wait for the server now and then: round down.",
}


class _Server:
    """Calls of 0.1 ms, the first of which may take longer, and a clock for them."""

    def __init__(self, first_s=0.0001, tick_s=0.0):
        self.now = 5.0
        self.next_s = first_s
        self.tick_s = tick_s
        self.count = 0

    def call(self):
        self.count += 1
        self.now += self.next_s
        self.next_s = 0.0001

    def clock(self):
        if not self.tick_s:
            return self.now
        # As a clock that shows whole ticks.
        return int(self.now / self.tick_s + 1e-6) * self.tick_s


def _machines(answer, server, task_s=0.1):
    call = answer.call(
        "machines_fed",
        call=server.call,
        clock=server.clock,
        task_s=task_s,
        calls=4,
        workers=8,
    )
    got = call.returns(
        NO_END, advice="A clock may show the same time before and after one call."
    )
    assert isinstance(got, int | float), (
        f"{call} returned {shown(got)}; expected a number of machines."
    )
    return call, got


@points(2, "returns how many whole machines can be fed")
def test_counts_machines(answer):
    """Calls of 0.1 ms, four for each task: the server is busy with 250 workers."""
    call, got = _machines(answer, _Server())
    why = LIKELY.get(
        round(got),
        "A task of 0.1 s costs the server 0.0004 s; each machine has 8 workers.",
    )
    assert got == 31, f"{call} returned {got:g}; expected 31. {why}"


@points(1, "leaves the first call, which connects, out of the measurement")
def test_first_call_connects(answer):
    """The first call takes 50 ms."""
    call, got = _machines(answer, _Server(first_s=0.05))
    assert got == 31, (
        f"{call} returned {got:g}, when the first call took 0.05 s to connect; "
        "expected 31. Call once before the clock starts."
    )


@points(1, "measures enough calls for a coarse clock")
def test_clock_is_coarse(answer):
    """The clock shows steps of half a millisecond: five calls."""
    server = _Server(tick_s=0.0005)
    call, got = _machines(answer, server)
    assert server.count >= 100, (
        f"{call} measured {server.count} calls; expected 100 or more: one is too short "
        "for a clock, and a few for chance."
    )
    assert 28 <= got <= 35, (
        f"{call} returned {got:g} with a coarse clock; expected about 31."
    )


@points(1, "says 0 when one machine is too much")
def test_none_at_all(answer):
    """Tasks of 2 ms: five workers keep the server busy."""
    call, got = _machines(answer, _Server(), task_s=0.002)
    assert got == 0, (
        f"{call} returned {got:g}; expected 0. Five workers keep the server busy, and "
        "a machine has 8."
    )
