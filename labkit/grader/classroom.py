"""Grade a class: read what was handed in, run every answer, say what came of it.

Only the text of the answer cells is used, and only the instructor's own checks run on
it. What was graded is kept at once, in a file beside the submissions: after a crash the
same call goes on where it was.
"""

import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from labkit.errors import ExerciseError, GradingError
from labkit.grader.confine import confined, require_walls
from labkit.grader.feedback import Score
from labkit.grader.runner import Report, run, try_out
from labkit.grader.tasks import EXERCISES, Task, all_tasks, find_task

__all__ = ["Assignment", "Class", "Graded", "Line", "Submission", "grade", "mark"]

JOURNAL = ".labkit-grades.jsonl"
_LARGEST = 200_000_000  # bytes of a notebook; pictures make them large
_ATTEMPT = re.compile(r"[_-](\d+)_assignsubmission_file_?$|_\d+_\d+_|-\d+(?=\.ipynb$)")
_CHANGES_THE_KIT = re.compile(
    r"^\s*(labkit|check|hint)[\w.]*\s*=[^=]|setattr\(\s*(labkit|check)|def check\(",
    re.MULTILINE,
)


# What was handed out, and what was handed in.


@dataclass(frozen=True)
class Assignment:
    """An exercise set as it was handed out.

    Attributes
    ----------
    name : str
        Of the folder and of the notebook.
    tasks : dict
        Task id to :class:`.tasks.Task`, in their order.
    book : dict
        The learners' copy, as JSON.
    blank : dict
        Task id to the answer that the copy holds.
    grade_ids : dict
        Task id to the name that nbgrader has for its check cell.
    """

    name: str
    tasks: dict[str, Task]
    book: dict[str, Any]
    blank: dict[str, str]
    grade_ids: dict[str, str]


def read_assignments(exercises: Path = EXERCISES) -> dict[str, Assignment]:
    """Read every exercise set that is handed out, by name."""
    sets: dict[str, dict[str, Task]] = {}
    for task in all_tasks(exercises):
        sets.setdefault(task.set, {})[task.id] = task
    found = {}
    for name, tasks in sets.items():
        path = exercises / "release" / name / f"{name}.ipynb"
        if path.exists():
            book = json.loads(path.read_text(encoding="utf-8"))
            checks = {source: cell for cell, source in _code_cells(book)}
            ids = {id_: _grade_id(checks[f'check("{id_}")']) for id_ in tasks}
            blank = dict(_answers(book))
            found[name] = Assignment(name, tasks, book, blank, ids)
    return found


@dataclass(frozen=True)
class Submission:
    """What one student handed in of one exercise set.

    Attributes
    ----------
    student, assignment : str
    path : Path
        The notebook, or what was found in its place.
    answers : dict
        Task id to the text below the line ``%%answer``.
    trouble : str
        Why nothing of it can be read; mostly empty.
    notes : tuple of str
        What an instructor should know: other attempts, edited cells.
    """

    student: str
    assignment: str
    path: Path
    answers: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    notes: tuple[str, ...] = ()


def read_submissions(
    submitted: Path, assignments: dict[str, Assignment]
) -> list[Submission]:
    """Read every submission in a folder, one for each student and exercise set.

    The folder may be nbgrader's (``<student>/<set>/<set>.ipynb``), or what Moodle's and
    Canvas's "download all" unpack to. The set is known by the answers in the notebook,
    then by its name. Of several attempts the last one counts.
    """
    found: dict[tuple[str, str], Submission] = {}
    seen: set[str] = set()
    for path in sorted(submitted.rglob("*.ipynb"), key=_when):
        place = path.relative_to(submitted)
        if any(part.startswith(".") for part in place.parts):
            continue
        one = _read(path, _student(place), assignments)
        seen.add(place.parts[0])
        earlier = found.get((one.student, one.assignment))
        if earlier and not earlier.trouble:
            if one.trouble:
                one, earlier = earlier, one
            other = earlier.path.relative_to(submitted)
            note = f"There is another attempt, {other}: the last one counts."
            one = replace(one, notes=(*one.notes, *earlier.notes, note))
        found[one.student, one.assignment] = one
    for path in sorted(submitted.iterdir()):
        if path.name not in seen and not path.name.startswith("."):
            found[_student(Path(path.name)), ""] = _no_notebook(path)
    return sorted(found.values(), key=lambda one: (one.student, one.assignment))


def _when(path: Path) -> tuple[float, str]:
    """Return when a notebook was handed in: nbgrader's note, else the file's time."""
    return path.stat().st_mtime if not path.is_symlink() else 0.0, str(path)


def _student(place: Path) -> str:
    first = place.parts[0]
    moodle = re.match(r"(.+?)_\d+_assignsubmission_file_?", first)
    canvas = re.match(r"([^_]+?)(_LATE)?_\d+_\d+_", first)
    known = moodle or canvas
    return known[1] if known else first.removesuffix(".ipynb")


def _no_notebook(path: Path) -> Submission:
    inside = sorted(p.name for p in path.rglob("*") if p.is_file())[:3]
    what = f"only {', '.join(inside)}" if inside else "nothing"
    why = f"It is no notebook, and no folder with one: there is {what}."
    if any(name.endswith(".zip") for name in [*inside, path.name]):
        why += " Unpack the archive."
    return Submission(_student(Path(path.name)), "", path, trouble=why)


def _read(path: Path, student: str, assignments: dict[str, Assignment]) -> Submission:
    named = path.as_posix().lower()
    name = next((n for n in assignments if n.lower() in named), "")
    try:
        book = _load(path)
        answers = dict(_answers(book))
        sets = Counter(
            n for a in answers for n in assignments if a in assignments[n].tasks
        )
        if sets:
            name = sets.most_common(1)[0][0]
        if not sets:
            return Submission(student, name, path, trouble=_NO_ANSWERS)
        known = assignments[name]
        mine = {a: text for a, text in answers.items() if a in known.tasks}
        notes = tuple(dict.fromkeys(_oddities(book, known)))
        return Submission(student, name, path, mine, notes=notes)
    except GradingError as error:
        return Submission(student, name, path, trouble=str(error))


_NO_ANSWERS = (
    "No cell begins with %%answer: it is not the copy that was handed out, or its "
    "answer cells were deleted."
)


def _load(path: Path) -> dict[str, Any]:
    if path.is_symlink():
        raise GradingError("It is a link to another file, which is not followed.")
    try:
        if (size := path.stat().st_size) > _LARGEST:
            raise GradingError(f"It has {size:,} bytes, which is too many to read.")
        book = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise GradingError(f"It cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise GradingError(f"It is no notebook: it is not JSON ({error}).") from error
    if not isinstance(book, dict) or book.get("nbformat") != 4:
        raise GradingError(
            "It is no notebook of format 4: open it in JupyterLab and save it."
        )
    return book


def _code_cells(book: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    cells = book.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            lines = source if isinstance(source, list) else [source]
            if all(isinstance(line, str) for line in lines):
                yield cell, "".join(lines)


def _grade_id(cell: dict[str, Any]) -> str:
    metadata = cell.get("metadata")
    own = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = own.get("grade_id") if isinstance(own, dict) else None
    return name if isinstance(name, str) else ""


def _answers(book: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield task and text of each answer, the one that counts last.

    As in a run of the notebook from its top, an answer below its own check is too late:
    it comes before the others here.
    """
    found: list[tuple[str, str]] = []
    late: list[tuple[str, str]] = []
    checked: set[str] = set()
    for _, source in _code_cells(book):
        # Other magics may stand above it, and blank lines.
        answer = re.match(
            r"(?:\s*%%?(?!answer)[^\n]*\n)*\s*%%answer[ \t]+(\S+)", source
        )
        if answer:
            text = source[answer.end() :].partition("\n")[2]
            (late if answer[1] in checked else found).append((answer[1], text))
        elif check := re.match(r'\s*check\("([\d.]+)"', source):
            checked.add(check[1])
    yield from [*late, *found]


def _oddities(book: dict[str, Any], assignment: Assignment) -> Iterator[str]:
    """Say what is not as it was handed out."""
    cells = list(_code_cells(book))
    for task, count in Counter(a for a, _ in _answers(book)).items():
        if count > 1:
            yield f"{task} has {count} answers: the last one above its check counts."
    for cell, source in cells:
        if _CHANGES_THE_KIT.search(source):
            name = _grade_id(cell) or cell.get("id")
            yield f"The cell {name} changes labkit or check()."
    there = {_grade_id(cell): source for cell, source in cells if _grade_id(cell)}
    wanted = {_grade_id(c): s for c, s in _code_cells(assignment.book) if _grade_id(c)}
    missing = [name for name in wanted if name not in there]
    if len(missing) > 2:
        yield f"nbgrader's metadata is missing in {len(missing)} cells."
    else:
        yield from (f"The cell {name} is missing." for name in missing)
    for name in assignment.grade_ids.values():
        if name in there and there[name].strip() != wanted[name].strip():
            yield f"The check cell {name} was edited."


# Marking one answer, here or on another machine.


@dataclass(frozen=True)
class Job:
    """An answer to mark: plain data, so that any machine with the kit can do it.

    Attributes
    ----------
    key : str
        A digest of the task, of its checks and of the answer.
    task, text, exercises : str
    unconfined : bool
        Whether the answer may run without walls around it.
    """

    key: str
    task: str
    text: str
    exercises: str
    unconfined: bool


@dataclass(frozen=True)
class Graded:
    """What an answer got: plain data, too.

    Attributes
    ----------
    key : str
        As in :class:`Job`.
    points : float
    message, words, html : str
        The first sentence, and all feedback as text and as HTML.
    failed : tuple of str
        The sentence of each check that did not pass.
    notes, suspect : tuple of str
        For the student; for the instructor alone.
    """

    key: str
    points: float
    message: str
    words: str
    html: str
    failed: tuple[str, ...]
    notes: tuple[str, ...]
    suspect: tuple[str, ...]


def _digest(task: Task, text: str) -> str:
    checks = b"".join(file.read_bytes() for file in task.files)
    whole = checks + b"\0" + f"{task.id}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()


def mark(job: Job) -> Graded:
    """Run one answer, as its notebook does.

    Raises
    ------
    ExerciseError
        The checks on this machine are not those that the job was made for.
    """
    here = Path(job.exercises)
    task = find_task(job.task, here if here.is_dir() else EXERCISES)
    if _digest(task, job.text) != job.key:
        raise ExerciseError(
            f"The checks of {task.id} in {task.path} are not those of the machine that "
            "grades: bring both to the same version of the kit."
        )
    walls = None if job.unconfined else confined(task)
    trouble, _ = try_out(job.text, confinement=walls)
    if trouble:  # the notebook doesn't keep such an answer
        report = Report(task, (), trouble)
    else:
        report = run(task, job.text, confinement=walls)
    score = Score(report)
    failed = tuple(row.check.says for row in report.rows if not row.passed)
    html = score._repr_html_()
    return Graded(
        job.key, report.points, report.message, score.words, html, failed,
        report.notes, report.suspect,
    )  # fmt: skip


# The class as a whole.


@dataclass(frozen=True)
class Line:
    """What one student got for one task.

    Attributes
    ----------
    submission : Submission
    task : str
        Empty if nothing is known of the submission.
    points, out_of : float
    why : str
    graded : Graded or None
        None if there was no answer to run.
    blank : bool
        Whether the answer is what was handed out.
    """

    submission: Submission
    task: str
    points: float
    out_of: float
    why: str
    graded: Graded | None = None
    blank: bool = False


@dataclass(frozen=True)
class Class:
    """A class, graded.

    Attributes
    ----------
    lines : tuple of Line
        One for each student and task.
    assignments : dict
        Name to :class:`Assignment`.
    before, now : int
        How many answers an earlier run had graded, and how many this one did.
    """

    lines: tuple[Line, ...]
    assignments: dict[str, Assignment]
    before: int = 0
    now: int = 0

    @property
    def troubled(self) -> list[Submission]:
        """The submissions of which nothing could be graded."""
        every = {id(line.submission): line.submission for line in self.lines}
        return [one for one in every.values() if one.trouble]

    def totals(self) -> dict[tuple[str, str], tuple[float, float]]:
        """Return points and the most there are, by student and exercise set."""
        sums: dict[tuple[str, str], tuple[float, float]] = {}
        for line in self.lines:
            place = line.submission.student, line.submission.assignment
            points, most = sums.get(place, (0.0, 0.0))
            sums[place] = points + line.points, most + line.out_of
        return sums

    def write_csv(self, path: Path) -> None:
        """Write a table with a row for each line, which every spreadsheet opens."""
        with path.open("w", -1, "utf-8-sig", "backslashreplace", "") as file:
            table = csv.writer(file)
            heads = ("student", "assignment", "task", "points", "max", "why", "notes")
            table.writerow(heads)
            for line in self.lines:
                one, graded = line.submission, line.graded
                notes = " ".join([*one.notes, *(graded.notes if graded else ())])
                row = (
                    one.student, one.assignment, line.task, f"{line.points:g}",
                    f"{line.out_of:g}", _sentence(line.why), notes,
                )  # fmt: skip
                table.writerow([_harmless(cell) for cell in row])

    @property
    def words(self) -> str:
        """The class as text: points, what fails most often, what to look at."""
        students = len({line.submission.student for line in self.lines})
        blank = sum(line.blank for line in self.lines)
        parts = [
            (
                f"Students: {students}. Answers graded: {self.now}, and {self.before} "
                f"earlier. As they were handed out: {blank}."
            )
        ]
        points = [
            f"{student:<20} {name:<28} {got:g} of {most:g}"
            for (student, name), (got, most) in self.totals().items()
        ]
        fails = Counter(
            f"{line.task}: {says}"
            for line in self.lines
            for says in (line.graded.failed if line.graded and not line.blank else ())
        )
        troubled = [
            f"{one.student}: {one.path}: {one.trouble}" for one in self.troubled
        ]
        for title, lines in (
            ("Points", points),
            (
                "Checks that fail most often",
                [f"{n} times  {t}" for t, n in fails.most_common(9)],
            ),
            ("Not graded", troubled),
            ("Look at these", list(dict.fromkeys(self._suspects()))),
        ):
            shown = ["  " + re.sub(r"[^ -~\u00a0-\U0010ffff]", "?", x) for x in lines]
            parts += ["", title, *shown] if shown else []
        return "\n".join(parts)

    def _suspects(self) -> Iterator[str]:
        for line in self.lines:
            one, graded = line.submission, line.graded
            for note in one.notes:
                yield f"{one.student}, {one.assignment}: {note}"
            for what in graded.suspect if graded else ():
                yield f"{one.student}, {line.task}: {what}"


def _sentence(text: str) -> str:
    found = re.match(r".*?(?<=[\w)\]\"'])[.!?](?=\s|$)", text.strip(), re.DOTALL)
    return " ".join((found[0] if found else text).split())[:500]


def _harmless(cell: str) -> str:
    """Keep a spreadsheet program from taking a text for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell


def grade(
    submitted: Path,
    *,
    exercises: Path = EXERCISES,
    assignment: str = "",
    pool: Executor | None = None,
    workers: int | None = None,
    again: bool = False,
    unconfined: bool = False,
    tick: Callable[[int], object] = lambda _total: None,
) -> Class:
    """Grade every submission in a folder.

    Parameters
    ----------
    submitted : Path
        See :func:`read_submissions`.
    exercises : Path
        The instructor's exercises, with their checks.
    assignment : str, default ""
        The only exercise set to grade; all by default.
    pool : concurrent.futures.Executor, optional
        Does the work: Dask's ``Client.get_executor()``, for example. By default
        threads, each of which waits for one answer's process.
    workers : int, optional
        How many answers run at a time in that default; two for each core if omitted.
    again : bool, default False
        Whether to grade anew what an earlier run has graded.
    unconfined : bool, default False
        Whether answers may run without walls; see :mod:`.confine`.
    tick : callable
        Called with the number of all answers, once for each that is done.

    Raises
    ------
    GradingError
        There is nothing to grade.
    ExerciseError
        The exercises are missing or broken.
    """
    known = read_assignments(exercises)
    wanted = {n: a for n, a in known.items() if assignment in {"", n}}
    if not wanted:
        sets = ", ".join(known)
        raise GradingError(
            f"There is no exercise set {assignment!r}; there are {sets}."
        )
    if not submitted.is_dir():
        raise GradingError(f"There is no folder {submitted}.")
    found = read_submissions(submitted, known)
    if assignment:
        found = [one for one in found if one.assignment in {"", assignment}]
    if not found:
        raise GradingError(f"There are no submissions in {submitted}.")
    jobs = {
        (id(one), task): Job(
            _digest(known[one.assignment].tasks[task], text), task, text,
            str(exercises.resolve()), unconfined,
        )
        for one in found
        for task, text in one.answers.items()
    }  # fmt: skip
    if pool is None and not unconfined:
        require_walls()
    journal = submitted / JOURNAL
    done = {} if again else _read_journal(journal)
    todo = {job.key: job for job in jobs.values() if job.key not in done}
    total = len({job.key for job in jobs.values()})
    pool = pool or ThreadPoolExecutor(workers or 2 * (os.cpu_count() or 1))
    futures = [pool.submit(mark, job) for job in todo.values()]
    try:
        for future in as_completed(futures):
            graded = future.result()
            _write_journal(journal, graded)
            done[graded.key] = graded
            tick(total)
    finally:  # on an error, or Ctrl-C: what has not begun does not
        for future in futures:
            future.cancel()
        pool.shutdown(wait=False)
    lines = tuple(_lines(found, known, jobs, done))
    return Class(lines, known, total - len(todo), len(todo))


def _lines(
    found: Iterable[Submission],
    known: dict[str, Assignment],
    jobs: dict[tuple[int, str], Job],
    done: dict[str, Graded],
) -> Iterator[Line]:
    for one in found:
        of = known.get(one.assignment)
        if of is None:
            yield Line(one, "", 0.0, 0.0, one.trouble)
            continue
        for name, task in of.tasks.items():
            if name in one.answers:
                got = done[jobs[id(one), name].key]
                blank = one.answers[name].strip() == of.blank.get(name, "").strip()
                yield Line(one, name, got.points, task.points, got.message, got, blank)
            else:
                why = one.trouble or f"No cell begins with %%answer {name}."
                yield Line(one, name, 0.0, task.points, why)


def _read_journal(path: Path) -> dict[str, Graded]:
    """Return what was graded before; a line that a crash cut short is passed over."""
    found = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                entry = json.loads(line)
                entry |= {n: tuple(entry[n]) for n in ("failed", "notes", "suspect")}
                found[entry["key"]] = Graded(**entry)
            except (ValueError, TypeError, KeyError):
                continue
    return found


def _write_journal(path: Path, graded: Graded) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * (file.tell() > 0) + json.dumps(asdict(graded)))
