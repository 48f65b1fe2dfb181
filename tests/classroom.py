"""Make a class: submissions of made-up students, good, half, blank, broken, hostile."""

import copy
import functools
import json
from pathlib import Path

from answers import wrong_answers

from labkit.grader.submissions import handed_out
from labkit.grader.tasks import EXERCISES

SET = "04_produce_and_consume"


assignments = functools.cache(handed_out)  # read once for all tests


def books(name=SET):
    """Return the learner's copy of a set, and its solutions by task."""
    release = json.loads((EXERCISES / "release" / name / f"{name}.ipynb").read_text())
    source = json.loads((EXERCISES / "source" / name / f"{name}.ipynb").read_text())
    texts = ["".join(cell["source"]) for cell in source["cells"]]
    firsts = [text.partition("\n") for text in texts if text.startswith("%%answer")]
    return release, {first.split()[1]: text for first, _, text in firsts}


class Classroom:
    """A folder of submissions, as nbgrader collects them."""

    def __init__(self, folder: Path, name=SET):
        self.folder, self.name = folder, name
        self.release, self.solutions = books(name)
        self.tasks = [*assignments()[name].tasks.values()]

    def path(self, student):
        """Return where a student's notebook is."""
        place = self.folder / student / self.name
        place.mkdir(parents=True, exist_ok=True)
        return place / f"{self.name}.ipynb"

    def book(self, answers):
        """Return the learner's copy, with these answers written into it."""
        book = copy.deepcopy(self.release)
        for cell in book["cells"]:
            first = "".join(cell["source"]).partition("\n")[0]
            task = first.removeprefix("%%answer ")
            if first.startswith("%%answer") and task in answers:
                cell["source"] = f"{first}\n{answers[task]}"
        return book

    def hand_in(self, student, answers=(), change=None):
        """Write a submission: answers by task, and what else is to be changed."""
        book = self.book(dict(answers))
        if change:
            change(book)
        self.path(student).write_text(json.dumps(book))

    def wrong(self, number=0):
        """Return a wrong answer for each task, each time others."""
        return {
            task.id: wrong_answers(task)[number % len(wrong_answers(task))].code
            for task in self.tasks
        }

    def half(self, number=0):
        """Return right answers for every second task, wrong ones for the others."""
        wrong = self.wrong(number)
        return {
            task.id: (self.solutions if index % 2 else wrong)[task.id]
            for index, task in enumerate(self.tasks)
        }

    def mixed(self, number=0):
        """Return answers of which some are right, some wrong, and some not written."""
        kinds = self.solutions, {}, self.wrong(number)
        return {
            task.id: kinds[(index + number) % 3][task.id]
            for index, task in enumerate(self.tasks)
            if task.id in kinds[(index + number) % 3]
        }

    def fill(self, count):
        """Let so many students hand in, whose answers nbgrader itself can grade."""
        kinds = {
            "mixed": self.mixed,
            "good": lambda _: self.solutions,
            "half": self.half,
            "blank": lambda _: {},
            "wrong": self.wrong,
        }
        names = []
        for number in range(count):
            kind = list(kinds)[number % len(kinds)]
            name = f"{kind}-{number:02}"
            # Each an answer of its own: none is graded in passing with another.
            answers = kinds[kind](number // len(kinds))
            own = {task: f"{text}\n# {name}\n" for task, text in answers.items()}
            self.hand_in(name, own)
            names.append(name)
        return names
