"""07.1: letters travel in lists; the items in the queue tell how many calls it took."""

from labkit.grader.fixtures import points, shown

LETTERS = [f"letter {number}" for number in range(1, 11)]
NO_END = "The queue has no bound: no put() needs to wait."
ADVICE = (
    "The queue is a plain queue.Queue behind a plain manager: it has put(), and no "
    "put_many()."
)


def _items(answer, server, letters):
    """Send letters four at a time; return the call, and what each put() brought."""
    mailbox = server.queue()
    call = answer.call("send", mailbox=mailbox, LETTERS=letters, size=4)
    call.returns(NO_END, advice=ADVICE)
    items = [mailbox.get(timeout=1) for _ in range(mailbox.qsize())]
    strange = [item for item in items if not isinstance(item, list | tuple)]
    assert not strange, (
        f"{call} made {len(items)} calls of put() for {len(letters)} letters, each "
        f"with one letter; expected {-(-len(letters) // 4)} calls. Each call is a "
        "round trip: put a list of 4 letters."
    )
    return call, items


@points(2, "puts lists of the given size, the last one shorter")
def test_few_calls(answer, server):
    """Ten letters, four at a time."""
    call, items = _items(answer, server, LETTERS)
    sent = [letter for item in items for letter in item]
    assert len(sent) == len(LETTERS), (
        f"{call} put {len(sent)} of {len(LETTERS)} letters; expected all. When the "
        "letters have run out, a list may be begun and not full."
    )
    sizes = [len(item) for item in items]
    assert sizes == [4, 4, 2], (
        f"{call} put lists of {', '.join(map(str, sizes))} letters; expected 4, 4, 2. "
        "The size bounds what one consumer gets, and what is lost with it."
    )
    assert sent == LETTERS, (
        f"{call} put {shown(sent)}; expected {LETTERS}, in this order."
    )


@points(1, "makes no call that carries nothing")
def test_no_list_is_empty(answer, server):
    """Two full lists; no letter at all."""
    for count in (8, 0):
        call, items = _items(answer, server, LETTERS[:count])
        assert [] not in map(list, items), (
            f"{call} with {count} letters put an empty list; expected "
            f"{count // 4} calls. An empty list is an item, too: somebody gets it, "
            "after a round trip for nothing."
        )
        lists = f"{call} with {count} letters put {len(items)} lists"
        assert len(items) == count // 4, f"{lists}; expected {count // 4}."


@points(1, "takes letters from a generator, too")
def test_letters_come_from_anywhere(answer, server):
    """The letters are a generator: they have no length, and no slices."""
    mailbox = server.queue()
    call = answer.call("send", mailbox=mailbox, generator=(x for x in LETTERS), size=4)
    error = call.ends(NO_END).error
    assert error is None, (
        f"{call} raised {shown(error)}; expected it to return. A "
        "generator has no length and no slices: go through it with for, or islice()."
    )
    items = [mailbox.get(timeout=1) for _ in range(mailbox.qsize())]
    sent = [letter for item in items for letter in item]
    assert sent == LETTERS, (
        f"{call} put {len(sent)} of {len(LETTERS)} letters; expected all, in order. A "
        "generator gives each letter once."
    )
