"""What an author can get wrong in a task's files and notebooks, each in a sentence."""

import ast
import re

from answers import answer, cells, notebook, wrong_answers
from material import FENCE, TYPES, words

WHY_NOT = re.compile(
    r"\b(?:not?|nor|never|none|nobody|nothing|neither|else|otherwise|instead|only"
    r"|alone|without|would|but|until|unless|also|too|different|n't|once|longer)\b",
    re.IGNORECASE,
)


def strays(exercises):
    """Say which files beside the tasks are no tasks, so that nobody would be asked."""
    for path in sorted(exercises.glob("checks/*/*.py")):
        number = path.parent.name[:2]
        if path.name != "conftest.py" and not re.fullmatch(rf"{number}\.\d", path.stem):
            yield f"{path.name} is no task of this set: call it {number}.M.py."


def mistakes(task):
    """Say what is wrong with a task, as far as can be seen without running an answer."""
    yield from _in_its_words(task)
    yield from _in_its_tests(task)
    found = [
        one for kind in ("source", "release") for one in _in_its_notebook(task, kind)
    ]
    yield from found
    if not found:  # else there may be no answer to look at
        yield from _in_its_wrong_answers(task)
        yield from _in_its_solution(task)


def _in_its_words(task):
    file = f"{task.id}.md"
    if task.type not in TYPES:
        yield f"{file}: there is no type {task.type!r}; there are {sorted(TYPES)}."
    if len(task.hints) != 3:
        yield f"{file} has {len(task.hints)} hints: write three, each below '## Hint'."
        return
    for number, hint in enumerate(task.hints, 1):
        if words(hint) < (8, 10, 0)[number - 1] or len(hint.split()) < 6:
            yield f"{file}: hint {number} is too short to help."
        if ("```python" in hint) != (number == 3) or (
            number < 3 and FENCE.search(hint)
        ):
            yield f"{file}: code belongs in the third hint, and only there."
    for old in task.formerly:
        if [*task.path.parents[1].glob(f"*/{old}.py")]:
            yield f"{file}: there is a task {old}: formerly is for ids that are free."
    if task.deadline_s > 20:
        yield f"{file}: nbgrader gives a cell 30 s, so a deadline of 20 s is the most."


def _in_its_tests(task):
    file = task.path.name
    for check in task.checks:
        if check.points <= 0:
            yield f"{file}: {check.name} is worth {check.points:g} points: give it more."
        if not check.says.strip():
            yield f"{file}: {check.name} has no sentence: say what an answer does."
    for node in ast.walk(ast.parse(task.path.read_text(encoding="utf-8"))):
        silent = isinstance(node, ast.Assert) and _is_empty(node.msg)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "AssertionError":
            silent = not node.args or _is_empty(node.args[0])
        if silent:
            yield f"{file}, line {node.lineno} fails without a message: write it."
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".must_be"):
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            if _is_empty(named.get("why", next(iter(node.args[2:]), None))):
                yield f"{file}, line {node.lineno}: say why, for those who err."


def _is_empty(node):
    return node is None or (isinstance(node, ast.Constant) and not node.value)


def _in_its_wrong_answers(task):
    file = f"{task.id}.wrong.md"
    try:
        known = wrong_answers(task)
    except AssertionError as error:
        yield str(error)
        return
    if not known:
        yield f"{file} has no wrong answer: write what somebody may believe."
    messages = [wrong.message for wrong in known]
    if len(set(messages)) < len(messages) - 1:
        yield f"{file}: wrong answers with one message cannot be told apart."


def _in_its_notebook(task, kind):
    where = f"{task.set}.ipynb in {kind}"
    found = cells(task, kind)
    title = task.title[0].lower() + task.title[1:]
    heading = f"## {task.id} {task.type.capitalize()}: {title}\n"
    texts = [text for text in found if text.startswith(heading)]
    if len(texts) != 1:
        yield f"{where} has {len(texts)} headings {heading.strip()!r}: it wants one."
    elif f"({task.points:g} points)" not in texts[0]:
        yield f"{where}: the text of {task.id} must say ({task.points:g} points)."
    elif notebook(task, kind)["cells"][found.index(texts[0])]["id"] != _anchor(task):
        yield f"{where}: progress() looks for {task.id} at the id {_anchor(task)}."
    if sum(text.startswith(f"%%answer {task.id}\n") for text in found) != 1:
        yield f"{where} needs one cell that begins with %%answer {task.id}."
    book = notebook(task, kind)["cells"]
    checks = [c for c in book if "".join(c["source"]) == f'check("{task.id}")']
    if len(checks) != 1:
        yield f'{where} needs one cell check("{task.id}").'
        return
    given = checks[0]["metadata"].get("nbgrader", {})
    wanted = {"points": task.points, "grade": True, "locked": True, "solution": False}
    for name, value in wanted.items():
        if given.get(name) != value:
            yield (
                f"{where}: the metadata of the check cell of {task.id} say {name}: "
                f"{given.get(name)}; expected {value}."
            )


def _anchor(task):
    return f"ex{task.id.replace('.', '-')}-task"


def _in_its_solution(task):
    parts = r"(?ms)^ *### BEGIN SOLUTION\n(.*?)^ *### (?:END SOLUTION|THE LEARNER)"
    code = "\n".join(re.findall(parts, answer(task, "source")))
    said = " ".join(re.findall(r"(?m)^.*?#(?!##) ?(.*)$", code))
    if words(said) < 10 or not WHY_NOT.search(said):
        yield (
            f"The solution of {task.id} doesn't say why it is done so, and what another "
            "way would do: write it in a comment."
        )
