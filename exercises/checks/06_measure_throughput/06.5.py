"""06.5: two versions were measured in turns, and one of them may be faster."""

import json
import math

from labkit.grader.fixtures import points, shown

NO_WAIT = "It has a text to read, and nothing to wait for."
# Repeats of a proxied queue, in turns: old, new, old, new, ...
# A backup ran during the third, the fourth and the sixth pair.
SLOW_MINUTE = (
    [9_120, 9_040, 4_410, 4_380, 9_200, 4_520],
    [9_900, 9_850, 4_830, 4_740, 10_010, 4_970],
)
# Nothing was changed between old and new.
MIXED = (
    [9_000, 9_300, 8_000, 9_100, 9_500],
    [9_300, 8_700, 9_600, 8_900, 9_025],
)


def _text(old, new):
    return json.dumps({"old": old, "new": new})


@points(2, "divides each new repeat by the old one before it")
def test_divides_neighbours(answer):
    """Five pairs; then an old repeat without a partner."""
    old = [10_000, 8_000, 10_000, 5_000, 8_000]
    new = [8_000, 10_000, 5_000, 10_000, 8_000]
    wanted = [0.8, 1.25, 0.5, 2.0, 1.0]
    advice = "A repeat without a partner is left out: zip() does that."
    for more in ([], [9_000]):
        call = answer.call("ratios", text=_text(old + more, new))
        got = call.returns(NO_WAIT, advice=advice)
        got = list(got) if isinstance(got, tuple) else got
        assert isinstance(got, list), f"{call} returned {shown(got)}; expected a list."
        close = len(got) == len(wanted) and all(map(math.isclose, got, wanted))
        assert close, (
            f"{call} returned {shown(got)}; expected {wanted}. {_likely(got, wanted)}"
        )


def _likely(got, wanted):
    if len(got) != len(wanted):
        return "There is one ratio for each pair."
    if all(math.isclose(one * two, 1) for one, two in zip(got, wanted, strict=True)):
        return "These are old divided by new: above 1 has to mean that new is faster."
    return "The order in which the repeats were made tells who is whose neighbour."


def _must_say(answer, runs, wanted, why):
    old, new = runs
    found = [two / one for one, two in zip(old, new, strict=False)]
    call = answer.call("verdict", text=_text(old, new))
    got = call.returns(NO_WAIT)
    assert got == wanted, (
        f"{call} returned {shown(got)} for ratios from {min(found):.2f} to "
        f"{max(found):.2f}; expected {wanted!r}. {why}"
    )


@points(2, "believes a difference that every pair shows")
def test_slow_minute(answer):
    """The machine was slow for a while; each pair shows the same all the same."""
    why = (
        "The rates overlap, since the machine was slow for a while; but every single "
        "pair says the same."
    )
    _must_say(answer, SLOW_MINUTE, "faster", why)
    old, new = SLOW_MINUTE
    _must_say(answer, (new, old), "slower", why)


@points(1, "believes no difference that the pairs do not agree on")
def test_mixed_pairs(answer):
    """Nothing was changed, and the figures differ all the same."""
    why = "Some pairs say faster, others slower: that is what chance looks like."
    _must_say(answer, MIXED, "cannot tell", why)
    _must_say(answer, MIXED[::-1], "cannot tell", why)


@points(1, "wants five pairs at least")
def test_few_pairs(answer):
    """Three pairs agree, then four."""
    old, new = SLOW_MINUTE
    for count in (3, 4):
        call = answer.call("verdict", text=_text(old[:count], new[:count]))
        got = call.returns(NO_WAIT)
        assert got == "cannot tell", (
            f"{call} returned {shown(got)} for {count} pairs; expected 'cannot tell'. By "
            f"chance alone {count} pairs agree once in {2 ** (count - 1)} times."
        )


@points(1, "says why neighbours are compared")
def test_says_why(answer):
    """Why each repeat is compared with its neighbour."""
    call = answer.call("why")
    got = call.returns(NO_WAIT)
    wrong = {
        "a": "The median of anything can be taken, in pairs or not.",
        "c": "On a quiet machine it often varies more: it has the errors of both.",
    }
    assert got == "b", (
        f"{call} returned {shown(got)}; expected another letter. "
        f"{wrong.get(got, 'It is one of a, b and c, as text.')} What do two repeats "
        "share that were made within a second?"
    )
