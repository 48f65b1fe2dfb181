"""06.4: a and b of t(n) = a + b*n, from points of which some stall."""

import math
import statistics

from labkit.grader.fixtures import points, shown

NO_WAIT = "It has numbers to work with, and nothing to wait for."
A, B = 100e-6, 10e-9
FIRST, LAST = 16_385, 65_000
STALL_S = 0.044
ON_THE_LINE = [(1_000, A + B * 1_000), (10_000, A + B * 10_000)]
ABOVE = [(100_000, A + B * 100_000), (200_000, A + B * 200_000)]


def _shown(a, b):
    return f"a = {a * 1e6:,.2f} µs and b = {b * 1e9:,.2f} ns a byte"


def _must_fit(answer, points, detail="", why=""):
    """Call fit(), and compare with the line by least squares of what does not stall."""
    kept = [point for point in points if not FIRST <= point[0] <= LAST]
    line = statistics.linear_regression(*zip(*kept, strict=True))
    wanted = line.intercept, line.slope
    call = answer.call("fit", points=points, FIRST=FIRST, LAST=LAST)
    got = call.returns(NO_WAIT)
    pair = isinstance(got, tuple | list) and len(got) == 2
    numbers = pair and all(isinstance(number, int | float) for number in got)
    assert numbers, f"{call} returned {shown(got)}; expected two numbers, a and b."
    close = (
        math.isclose(one, two, rel_tol=1e-6, abs_tol=1e-12)
        for one, two in zip(got, wanted, strict=True)
    )
    assert all(close), (
        f"{call}{detail} gave {_shown(*got)}; expected {_shown(*wanted)}. "
        f"{why or _likely(got, points)}"
    )


def _likely(got, points):
    a, b = got
    if math.isclose(a, B, rel_tol=1e-6) and math.isclose(b, A, rel_tol=1e-6):
        return "These are the right two, the other way round: return a first, then b."
    if a == 0:
        return "A call without bytes costs something, too: take the means off first."
    if math.isclose(a, points[0][1], rel_tol=1e-6):
        return "The smallest item has bytes, too: a is what remains without them."
    return "Compare your sums with those of the task, at a point that you know."


@points(2, "finds the line that points lie on")
def test_finds_the_line(answer):
    """Four points lie on a line, and none of them stalls."""
    _must_fit(answer, ON_THE_LINE + ABOVE)


@points(1, "lets every point count, by least squares")
def test_counts_every_point(answer):
    """The points lie beside the line, on both sides."""
    noise = [3e-6, -8e-6, 5e-6, 9e-6, -7e-6]
    sizes = [1_000, 4_000, 8_000, 12_000, 16_000]
    points = [(n, A + B * n + off) for n, off in zip(sizes, noise, strict=True)]
    _must_fit(
        answer,
        points,
        ", with points beside the line,",
        "Each point has its own error: let all of them count, as in the sums.",
    )


@points(2, "leaves out what stalls, and nothing else")
def test_leaves_out_what_stalls(answer):
    """Some points stall, at both borders, too; the larger sizes do not."""
    # Steeper than what comes above: a line through these alone is another one.
    small = [(n, A + 12e-9 * n) for n in (1_000, 10_000)]
    for sizes, words in (
        ((20_000, 40_000), "points that stall"),
        ((FIRST,), f"a point of {FIRST:,} bytes"),
        ((LAST,), f"a point of {LAST:,} bytes"),
    ):
        stalled = [(n, A + B * n + STALL_S) for n in sizes]
        _must_fit(
            answer,
            small + stalled + ABOVE,
            f", with {words},",
            f"Leave out what has {FIRST:,} to {LAST:,} bytes, both included. Larger "
            "ones follow the line again: keep them.",
        )


@points(1, "predicts the seconds of a size")
def test_predicts(answer):
    """A size that nobody measured."""
    for n in (50_000, 0):
        call = answer.call("predict", a=A, b=B, n=n)
        got, wanted = call.returns(NO_WAIT), A + B * n
        right = isinstance(got, int | float) and math.isclose(got, wanted)
        assert right, (
            f"{call} returned {shown(got)}; expected {wanted:.6g}. A call costs a, and each "
            "of its bytes costs b."
        )


@points(1, "says how many bytes fit into a time")
def test_turns_it_round(answer):
    """How much fits into a millisecond, and into less than a call takes."""
    for seconds, wanted, why in (
        (0.001, 90_000, "The call itself takes a; what is left is for the bytes."),
        (0.00005, 0, "In less time than a, not even an empty call is done."),
    ):
        call = answer.call("bytes_within", seconds=seconds, a=A, b=B)
        got = call.returns(NO_WAIT)
        said = f"{got:,.0f}" if isinstance(got, int | float) else shown(got)
        right = isinstance(got, int | float) and abs(got - wanted) <= 1
        assert right, f"{call} returned {said}; expected {wanted:,}. {why}"
