"""06.3: between two looks at the clock distinct letters travel, and no more."""

import math

from labkit.grader.fixtures import points, shown

NO_WAIT = "wait() returns when all that was put has arrived."
COUNT = 50
START_S = 0.5
CONNECT_S = 0.2
MAKE_S = 0.01
LETTER_S = 0.001


class _Consumer:
    """A consumer in its own process, as the answer sees it."""

    def __init__(self, scene, number):
        self.scene, self.number = scene, number
        self.lists = 0
        self.due_s = 0.0

    def put(self, letters):
        self.lists += 1
        self.due_s += CONNECT_S if self.lists == 1 else 0.0
        # As pickle does, each object counts once, however often it is named.
        self.due_s += len({id(letter) for letter in letters}) * LETTER_S
        self.scene.note("first list" if self.lists == 1 else "list", self, letters)

    def wait(self):
        self.scene.now += self.due_s
        self.due_s = 0.0
        self.scene.note("arrived", self)


class _Scene:
    """What an answer gets, and notes of what it did; time passes when it is used."""

    def __init__(self):
        self.now = 0.0
        self.notes = []
        self.consumers = []

    def note(self, what, *more):
        self.notes.append((what, *more))

    def start_consumer(self):
        self.now += START_S
        self.note("start")
        self.consumers.append(_Consumer(self, len(self.consumers)))
        return self.consumers[-1]

    def make_letter(self, number):
        self.now += MAKE_S
        self.note("make")
        return f"letter {number}".encode() + bytes(20)

    def clock(self):
        self.note("clock", sum(consumer.due_s for consumer in self.consumers))
        return self.now


class _Run:
    """One run of the answer: what it returned, and what it did while the clock ran."""

    def __init__(self, answer):
        self.scene = _Scene()
        self.call = answer.call(
            "benchmark",
            start_consumer=self.scene.start_consumer,
            make_letter=self.scene.make_letter,
            COUNT=COUNT,
            clock=self.scene.clock,
        )
        self.got = self.call.returns(NO_WAIT)
        notes = self.scene.notes
        reads = [place for place, note in enumerate(notes) if note[0] == "clock"]
        assert len(reads) > 1, (
            f"{self.call} looked at the clock {len(reads)} times; expected twice."
        )
        self.before = notes[: reads[-2]]
        self.timed = notes[reads[-2] + 1 : reads[-1]]
        self.under_way_s = notes[reads[-2]][1]
        self.left_s = notes[reads[-1]][1]

    def lists(self):
        """Return the notes of the lists that were sent while the clock ran."""
        return [note for note in self.timed if note[0].endswith("list")]


@points(1, "starts the consumer before the clock")
def test_start_is_not_timed(answer):
    """Starting a consumer takes half a second."""
    run = _Run(answer)
    assert ("start",) not in run.timed, (
        f"{run.call} started the consumer while the clock ran; expected it to be "
        "started before. A process takes time to start, and that is not the queue's."
    )


@points(2, "warms up, and waits for it, before the clock")
def test_first_list_is_not_timed(answer):
    """The first list to a consumer takes 0.2 s more."""
    run = _Run(answer)
    late = any(note[0] == "first list" for note in run.timed)
    another = any(note[0] == "first list" for note in run.before)
    expected = "one before, to the same consumer" if another else "a list before it"
    assert not late, (
        f"{run.call} sent the consumer's first list while the clock ran; expected "
        f"{expected}. The first call connects: send a small list first, and wait for "
        "it; nothing of that counts."
    )
    assert run.under_way_s == 0, (
        f"{run.call} started the clock while the warm-up was under way; expected it "
        "to have arrived. put() returns before: call wait() first."
    )


@points(1, "makes the letters before the clock")
def test_making_is_not_timed(answer):
    """Making a letter takes ten times as long as sending it."""
    run = _Run(answer)
    made = run.timed.count(("make",))
    assert made == 0, (
        f"{run.call} made {made} letter{'s' if made > 1 else ''} while the clock ran; "
        "expected them to be made before. That is not the queue's work."
    )


@points(2, "sends `count` distinct letters, and waits for the last")
def test_letters_differ(answer):
    """Each letter is an object of its own; the last one has arrived; the rate fits."""
    run = _Run(answer)
    sent = [letter for note in run.lists() for letter in note[2]]
    distinct = len({id(letter) for letter in sent})
    assert len(sent) == COUNT or distinct != len(sent), (
        f"{run.call} sent {len(sent)} letters while the clock ran; expected {COUNT}."
    )
    assert distinct == COUNT, (
        f"{run.call} sent {distinct} letter{'s' if distinct > 1 else ''}, named "
        f"{len(sent)} times; expected {COUNT} distinct ones. Pickle writes the same "
        "object once: call make_letter() for each."
    )
    assert run.left_s == 0, (
        f"{run.call} stopped the clock before the letters had arrived; expected it to "
        "wait. put() returns at once; wait() returns when the last one is there."
    )
    wanted = 1 / LETTER_S
    right = isinstance(run.got, int | float) and math.isclose(run.got, wanted)
    got = f"{run.got:,.0f}" if isinstance(run.got, int | float) else shown(run.got)
    # What else stood in the time has a check, and a message, of its own.
    alone = {note[0] for note in run.timed} <= {"list", "arrived"}
    assert right or not alone, (
        f"{run.call} returned {got} a second; expected {wanted:,.0f}. Count the "
        "letters that were sent while the clock ran, and no others."
    )
