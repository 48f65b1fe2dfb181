"""09.4: two workers with one letter, one ledger, and a real mail server."""

import threading

import pytest

from labkit.grader.fixtures import points, shown

TEA, MILK = {"id": "<tea@shop.test>"}, {"id": "<milk@shop.test>"}
NO_END = "It waits for the ledger: somebody holds it while he sends."
LOCKED = (
    "A worker that finds the ledger locked may wait for it; but nobody may hold it "
    "while he sends."
)


@pytest.fixture
def ledger(answer):
    """Lend the path of a ledger that is not there yet."""
    path = answer.path.with_name("ledger.db")
    path.unlink(missing_ok=True)
    return path


def _deliver(answer, letter, ledger, send):
    return answer.call("deliver", letter=letter, ledger=ledger, send=send)


def _must_return(call, expected, why):
    value = call.returns(NO_END, advice=LOCKED)
    assert value == expected, (
        f"{call} returned {shown(value)}; expected {expected}. {why}"
    )


_raced = {}


@pytest.fixture
def race(answer, ledger, office):
    """Play the race, once for all checks: no other is of use while it is lost."""
    if "copies" not in _raced:
        _race(answer, ledger, type(office)())
        ledger.unlink(missing_ok=True)
    return _raced["copies"]


def _race(answer, ledger, office):
    entered, go_on = threading.Event(), threading.Event()

    def send(letter):
        entered.set()
        go_on.wait(1)
        office.send(letter)

    # A module of its own, as the worker in another process has.
    first = _deliver(answer, TEA, ledger, send)
    entered.wait(2)
    second = _deliver(answer.again(), TEA, ledger, send)
    second.ended_within(0.2)
    go_on.set()
    _raced["calls"] = [call.ends(NO_END) for call in (first, second)]
    _raced["copies"] = len(office.messages())
    office.stop()


def _must_be_one(copies):
    assert copies, "Two workers got one letter at once, and none arrived; expected 1."
    assert copies == 1, (
        f"Two workers got one letter at once, and {copies} copies arrived; expected "
        "1. Between the look into the ledger and the note in it the other one looks, "
        "too: note the id before you send, where only one can do it."
    )


@points(2, "sends a letter once that two workers have at once")
def test_two_workers_send_one_letter_once(race):
    """The second one gets the letter while the first one sends it."""
    _must_be_one(race)
    first, second = _raced["calls"]
    _must_return(first, "sent", "It sent the letter.")
    why = "The other worker was sending it, and might still have failed."
    _must_return(second, "busy", why)


@points(1, "does not send again what was sent")
def test_a_sent_letter_stays_sent(answer, office, ledger, race):
    """The letter comes once more, to a worker that was started later."""
    _must_be_one(race)

    def send(letter):
        office.send(letter)

    _must_return(_deliver(answer, TEA, ledger, send), "sent", "It sent the letter.")
    again = _deliver(answer.again(), TEA, ledger, send)
    again.returns(NO_END, advice=LOCKED)
    copies = len(office.messages())
    assert copies == 1, (
        f"A letter that had been sent came to a worker again, and {copies} copies "
        "arrived; expected 1. Keep the id of a sent letter in the ledger, which is a "
        "file: it outlives the worker."
    )
    _must_return(again, "known", "The letter was sent before.")


@points(2, "lets a letter be tried again whose sending failed")
def test_a_failed_letter_is_free_again(answer, office, ledger, race):
    """The sending fails, its error propagates, and a worker tries again."""
    _must_be_one(race)

    def fail(letter):
        raise ConnectionResetError(f"no link for {letter['id']}")

    entered, go_on = threading.Event(), threading.Event()

    def fail_late(letter):
        entered.set()
        go_on.wait(1)
        fail(letter)

    call = _deliver(answer, TEA, ledger, fail_late)
    entered.wait(2)
    other = _deliver(answer.again(), TEA, ledger, office.send)
    _must_return(other, "busy", "The first worker had the letter, and then it failed.")
    go_on.set()
    error = call.ends(NO_END).error
    assert isinstance(error, ConnectionResetError), (
        f"{call} ended with {shown(error)} when send() raised ConnectionResetError; "
        "expected that error to propagate."
    )
    again = _deliver(answer, TEA, ledger, office.send)
    again.returns(NO_END, advice=LOCKED)
    assert office.messages(), (
        f"send() failed, and the next {again} sent nothing; expected another try. "
        "Take the id out of the ledger when the sending fails."
    )


@points(1, "lets two workers send two letters at the same time")
def test_two_letters_go_side_by_side(answer, office, ledger, race):
    """Each worker has a letter of its own, and both send at the same time."""
    _must_be_one(race)
    both = threading.Barrier(2, timeout=1)

    def send(letter):
        both.wait()
        office.send(letter)

    calls = [_deliver(answer.again(), letter, ledger, send) for letter in (TEA, MILK)]
    errors = [call.ends(NO_END).error for call in calls]
    assert errors == [None, None], (
        f"Two workers had one letter each, and only one could send at a time; "
        f"expected both. {LOCKED}"
    )
