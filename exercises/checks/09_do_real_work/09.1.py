"""09.1: the id is made once for each letter, when it is put."""

import pickle
import queue
import re

from labkit.grader.fixtures import points, shown

ADA = "ada@shop.test"
PUTS = "put() must put the letter into the queue."


def _put(answer, about="Tea"):
    """Put a letter, and return what a worker gets: a copy, as from a server."""
    letters = queue.Queue()
    call = answer.call("put", letters=letters, to=ADA, about=about)
    call.returns(PUTS)
    assert letters.qsize() == 1, (
        f"{call} put {letters.qsize()} items into the queue; expected one letter."
    )
    return pickle.loads(pickle.dumps(letters.get()))


def _send(answer, office, letter):
    """Send it; return the id with which it arrived."""
    host, port = office.address
    call = answer.call("send", letter=letter, host=host, port=port)
    call.returns(office.WAITS)
    assert office.messages(), f"{call} returned, and no letter arrived."
    found = office.messages()[-1].message_id
    assert found, (
        "A letter arrived without a Message-ID; expected the one that put() made. "
        'send() must write it: mail["Message-ID"] = ...'
    )
    return found


def _id_of(answer, office):
    """Put a letter, send it twice, and return the id that both copies have."""
    letter = _put(answer)
    ids = [_send(answer, office, letter) for _ in range(2)]
    assert ids[0] == ids[1], (
        f"One letter was sent twice, and arrived as {ids[0]} and {ids[1]}; expected "
        "one id. send() makes a new one each time: make it in put(), and let the "
        "letter carry it."
    )
    return ids[0]


@points(2, "gives every copy of a letter the same id")
def test_copies_have_one_id(answer, office):
    """A letter is sent a second time, since the first answer was lost."""
    _id_of(answer, office)


@points(1, "gives two letters two ids, also where they are alike")
def test_letters_have_two_ids(answer, office):
    """Two customers, or one who orders twice, get letters that are alike."""
    ids = [_id_of(answer, office) for _ in range(2)]
    assert ids[0] != ids[1], (
        f"Two letters to {ADA} about 'Tea' both have the id {ids[0]}; expected "
        "two ids. Letters that are alike are two letters all the same: the second "
        "would be taken for a copy of the first."
    )


@points(1, "makes ids that no other program makes")
def test_producers_do_not_agree(answer, office):
    """Two programs put letters, or one that was restarted."""
    ids = [_id_of(answer.again(), office) for _ in range(2)]
    assert ids[0] != ids[1], (
        f"Two producers, restarted, each put a letter, and both have the id "
        f"{ids[0]}; expected two ids. What a program counts begins again with it: "
        "make_msgid() takes time, process and chance."
    )


@points(1, "makes ids that mail programs understand")
def test_id_has_the_form(answer, office):
    """Mail programs look for an id in angle brackets, with an @."""
    found = _id_of(answer, office)
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", found), (
        f"The letter arrived with the Message-ID {shown(found)}; expected a text such as "
        "'<17.4@shop.test>', with the brackets. make_msgid() writes it so."
    )
