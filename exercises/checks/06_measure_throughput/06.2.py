"""06.2: each story is played on a queue that moves 10,000 letters a second."""

import pickle

from labkit.grader.fixtures import points

LETTER_BYTES = 1_000
BYTE_S = 1e-4 / LETTER_BYTES  # so a letter takes 0.1 ms
PUT_S = 1e-6  # into the feeder's list
START_S = 0.3  # of the consumer's process
CONNECT_S = 0.2  # of the first call over TCP, with its stalls
TRUE = 10_000
REPEATS = [9_300, 10_400, 9_900, 10_100, 9_600, 10_000, 11_800, 9_800, 10_200, 10_100]


def _bytes_of(*things):
    """Return what pickle makes of the letters of these; the frame is left out."""
    bare = len(pickle.dumps([], protocol=5))
    return sum(len(pickle.dumps([thing], protocol=5)) - bare for thing in things)


def _letter():
    return bytes(LETTER_BYTES)


def _rate(count, *seconds):
    return count / sum(seconds)


def _played():
    """Return the figure that each story's benchmark shows."""
    same, letter_s = _letter(), BYTE_S * LETTER_BYTES
    each_s = _bytes_of(same) * BYTE_S
    list_s = _bytes_of([same] * 1_000) * BYTE_S
    return {
        "the clock stops after the last put": _rate(1_000, 1_000 * PUT_S),
        "the clock starts before the consumer's process": _rate(1_000, START_S, 0.1),
        "the clock starts at a barrier, stops at the consumer": TRUE,
        # Measured, not assumed; what pickle adds to a letter is no part of it.
        "the same letter is put 1,000 times": TRUE * round(letter_s / each_s, 1),
        "one list holds the same letter 1,000 times": _rate(1_000, list_s),
        "20 calls over TCP, without a warm-up": _rate(20, CONNECT_S, 20 * letter_s),
        "the best of ten repeats is reported": max(REPEATS),
    }


WHY = {
    "the clock stops after the last put": "put() hands a letter to the feeder, and "
    "returns: the sending was left out.",
    "the clock starts before the consumer's process": "Starting a process takes time, "
    "and is not the queue's work.",
    "the clock starts at a barrier, stops at the consumer": "Both ends were ready, and "
    "all that was counted had arrived.",
    "the same letter is put 1,000 times": "Each put() makes a new pickle, with the whole letter in it.",
    "one list holds the same letter 1,000 times": "In one pickle an object is written "
    "once, and then named: nearly nothing was sent.",
    "20 calls over TCP, without a warm-up": "The first call connects, which took as "
    "long as 2,000 calls.",
    "the best of ten repeats is reported": "The best is the one that was lucky; it says "
    "nothing of the other nine.",
}
PREDICTS = "figures"
WORDS = ("too high", "too low", "right")


def _compare(prediction, *stories):
    """Compare the learner's words with the figures."""
    for story in stories:
        shown = _played()[story]
        word = WORDS[0 if shown > TRUE * 1.05 else 1 if shown < TRUE * 0.95 else 2]
        prediction.must_be(story, word, WHY[story])


@points(3, "knows what the place of the clock does")
def test_where_the_clock_stands(prediction):
    """Three places for the clock."""
    _compare(prediction, *list(WHY)[:3])


@points(2, "knows what a repeated letter does")
def test_what_is_sent(prediction):
    """The same letter, in many pickles and in one."""
    _compare(prediction, *list(WHY)[3:5])


@points(2, "knows what a missing warm-up and the best repeat do")
def test_which_calls_count(prediction):
    """The first call is among them; only one of the repeats is."""
    _compare(prediction, *list(WHY)[5:])
