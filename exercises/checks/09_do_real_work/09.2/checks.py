"""09.2: each story is played with real processes, then compared with the prediction."""

import importlib

shared = importlib.import_module("exercises.checks.09_do_real_work.post")
office, depot = shared.office, shared.depot

USUAL = ["send", "write", "ack"]


def _compare(answer, story, copies, why):
    said = answer.call("copies").returns("It only has to return a dictionary.")
    assert isinstance(said, dict), (
        f"copies() returned {said!r}; expected the dictionary of the task."
    )
    assert story in said, (
        f"copies() says nothing of the story {story!r}; keep the task's words."
    )
    assert type(said[story]) is int, (
        f"{story!r}: you said {said[story]!r}; expected a number from 0 to 2."
    )
    assert said[story] == copies, (
        f"{story!r}: you said {said[story]}, and it was {copies}. {why}"
    )


def _play(answer, office, depot, steps, dies_before=None):
    return shared.Story(office, depot, answer._path.parent).copies(steps, dies_before)


def test_busy(answer, office, depot):
    """The server is busy twice."""
    office.postpone(2)
    copies = _play(answer, office, depot, USUAL)
    why = "What is answered with 451 has not been taken: only the third try counts."
    _compare(answer, "busy twice, then taken", copies, why)


def test_lost_answer(answer, office, depot):
    """The server takes the letter, and its answer is lost."""
    office.hang_up(1)
    copies = _play(answer, office, depot, USUAL)
    why = "The server had the letter before its answer was lost, and it got it again."
    _compare(answer, "taken, answer lost, sent again", copies, why)


def test_killed_before_the_ledger(answer, office, depot):
    """The worker dies between the sending and the ledger."""
    copies = _play(answer, office, depot, USUAL, "write")
    why = "The ledger knew nothing, and the letter came back to the queue."
    _compare(answer, "sent, killed before the ledger", copies, why)


def test_killed_before_ack(answer, office, depot):
    """The worker dies between the ledger and the acknowledgement."""
    copies = _play(answer, office, depot, USUAL, "ack")
    why = "The letter came back, and the next worker found its id in the ledger."
    _compare(answer, "sent, in the ledger, killed before ack", copies, why)


def test_ledger_first(answer, office, depot):
    """The ledger is written before the sending, and the worker dies in between."""
    copies = _play(answer, office, depot, ["write", "send", "ack"], "send")
    why = "The ledger says that it was sent: so nobody ever sends it."
    _compare(answer, "in the ledger first, killed before sending", copies, why)


def test_ack_first(answer, office, depot):
    """The letter is acknowledged before the sending, and the worker dies in between."""
    copies = _play(answer, office, depot, ["ack", "send", "write"], "send")
    why = "After ack() only the worker knew of the letter, and it is dead."
    _compare(answer, "acknowledged first, killed before sending", copies, why)
