"""Settings for nbgrader, which reads them when it runs in this folder.

Its converter replaces each solution by a line to fill in. A task that starts from
working code needs that code instead. It stands in the solution, as a comment::

    ### BEGIN SOLUTION
    order = orders.get(timeout=idle_s)
    ### THE LEARNER STARTS FROM
    # order = orders.get()
    ### END SOLUTION
"""

from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions

from labkit.grader.runner import STUB


class StartingCode(ClearSolutions):
    """Replace each solution by the code the learner starts from, or by a stub."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Put the code into the place of the stub, as far from the margin."""
        _, *solutions = cell.source.split("### BEGIN SOLUTION")
        starts = [
            solution.partition("### END SOLUTION")[0].partition(
                "### THE LEARNER STARTS FROM\n"
            )[2]
            for solution in solutions
        ]
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        lines = []
        for line in cell.source.split("\n"):
            start = starts.pop(0) if line.strip() == STUB and starts else ""
            indent = line[: -len(line.lstrip())]
            code = [
                text.strip().removeprefix("#").removeprefix(" ")
                for text in start.splitlines()
            ]
            lines += [indent + text for text in code[: start.count("\n")]] or [line]
        cell.source = "\n".join(lines)
        return cell, resources


config = get_config()  # noqa: F821 - nbgrader defines it
config.CourseDirectory.course_id = "labkit"
# A stub that raises would stop "Run All" at the first task.
config.ClearSolutions.code_stub = {"python": STUB}
config.GenerateAssignment.preprocessors = [
    StartingCode if step is ClearSolutions else step
    for step in GenerateAssignment.preprocessors.default_args[0]
]
