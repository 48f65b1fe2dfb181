"""07.3: whatever ends the source, all that it gave arrives, in few calls."""

from labkit.grader.fixtures import points

NO_END = "The queue has no bound: no call needs to wait."


def _letters(count):
    return [f"letter {number}" for number in range(1, count + 1)]


def _source(count, error=None):
    yield from _letters(count)
    if error is not None:
        raise error


def _send(answer, box, source):
    return answer.call("send", mailbox=box, source=source, size=3)


@points(2, "puts the last letters, too, when they do not fill a call")
def test_last_letters_arrive(answer, mailbox):
    """Seven letters, three in a call."""
    box = mailbox()
    call = _send(answer, box, _source(7))
    call.returns(NO_END)
    arrived = box.empty()
    twice = len(arrived) - len(set(arrived))
    assert not twice, (
        f"{call} delivered {twice} letters twice, and {len(set(arrived))} of 7 in all; "
        "expected each once. A list that was put is still full: begin a new one."
    )
    assert arrived == _letters(7), (
        f"{call} delivered {len(arrived)} of 7 letters; expected all, in order. When "
        "the source ends, a list is begun and not full: put it."
    )


@points(1, "needs no call more than that")
def test_no_call_too_many(answer, mailbox):
    """Eight letters; then six, which fill two calls."""
    for count, wanted in ((8, 3), (6, 2)):
        box = mailbox()
        call = _send(answer, box, _source(count))
        call.returns(NO_END)
        assert len(box.calls) == wanted, (
            f"{call} made {len(box.calls)} calls for {count} letters; expected "
            f"{wanted}. Each call is a round trip: put what is left in one, and "
            "nothing in none."
        )


@points(2, "puts what a source gave before it broke, and lets the error out")
def test_broken_source(answer, mailbox):
    """The source gives five letters, then breaks."""
    box = mailbox()
    call = _send(answer, box, _source(5, ConnectionResetError("of the source")))
    error = call.ends(NO_END).error
    arrived = box.empty()
    assert arrived == _letters(5), (
        f"{call}, whose source broke after 5 letters, delivered {len(arrived)} "
        "letters; expected 5. An error leaves the loop, too: put the rest where both "
        "ways out come by."
    )
    assert isinstance(error, ConnectionResetError), (
        f"{call}, whose source raised ConnectionResetError, ended with "
        f"{'no error' if error is None else repr(error)}; expected that error to propagate. Else nobody hears that letters are missing: use finally, not except."
    )
