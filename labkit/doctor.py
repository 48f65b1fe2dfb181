"""Tell whether this machine is fit for the kit, and what is left over from before.

``doctor()`` in a notebook, ``python -m labkit doctor`` in a terminal. It looks and
changes nothing.
"""

__all__ = ["Diagnosis", "doctor", "main"]

import argparse
import html
import json
import sys
import types
from dataclasses import asdict, dataclass

from labkit import bootstrap
from labkit._bootstrap.environments import Environment
from labkit._bootstrap.installer import NEEDED_MB
from labkit._doctor import addresses, installation, leavings, machine, surroundings
from labkit._doctor.findings import Check
from labkit.bootstrap import ROOT

ROOM_TO_WORK_MB = 200  # when the packages are there already


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was looked at; prints as a table, also in a notebook."""

    checks: tuple[Check, ...]
    """The checks, in the order in which they were made."""

    @property
    def fit(self) -> bool:
        """Whether no check failed."""
        return all(check.state != "FAIL" for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence for all of it."""
        if not self.fit:
            return "This machine is not fit yet: see to what says FAIL."
        if any(check.state == "warn" for check in self.checks):
            return "This machine is fit for the kit, within the limits that say warn."
        return "This machine is fit for the kit."

    def __repr__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [
            f"{check.state:<4}  {check.name:<{width}}  {sentence(check)}"
            for check in self.checks
        ]
        return "\n".join([*lines, self.verdict])

    def _repr_html_(self) -> str:
        fine = [check for check in self.checks if check.state == "ok"]
        other = [check for check in self.checks if check.state != "ok"]
        parts = [f"<p><b>{html.escape(self.verdict)}</b></p>", table(other)]
        if fine:
            count = f"{len(fine)} of {len(self.checks)} checks are ok"
            parts.append(f"<details><summary>{count}</summary>{table(fine)}</details>")
        return "".join(parts)


def table(checks: list[Check]) -> str:
    """Return checks as the rows of an HTML table; nothing for none."""
    rows = "".join(
        "<tr>"
        f"<td><b>{check.state}</b></td>"
        f'<th scope="row" style="text-align:left">{html.escape(check.name)}</th>'
        f'<td style="text-align:left">{html.escape(sentence(check))}</td>'
        "</tr>"
        for check in checks
    )
    return rows and f"<table>{rows}</table>"


def sentence(check: Check) -> str:
    """Return what was found, and what to do about it."""
    return f"{check.found}: {check.todo}" if check.todo else check.found


def doctor() -> Diagnosis:
    """Check whether this machine is fit for the kit.

    Returns
    -------
    Diagnosis
        A frozen record; the last line of a notebook cell shows it as a table.

    Notes
    -----
    Takes well under a second, changes nothing and asks nothing outside the machine.

    Examples
    --------
    >>> doctor().fit
    True
    """
    lacking = bootstrap.unmet(ROOT, ())
    return Diagnosis(
        (
            installation.check_python(),
            installation.check_packages(ROOT, lacking),
            installation.check_venv(needed=bool(lacking)),
            installation.check_disk(ROOT, NEEDED_MB if lacking else ROOM_TO_WORK_MB),
            installation.check_folders(ROOT),
            machine.check_memory(),
            machine.check_open_files(),
            machine.check_clock(ROOT),
            machine.check_start_method(),
            addresses.check_loopback(),
            addresses.check_ports(),
            surroundings.check_browser(),
            surroundings.check_settings(),
            surroundings.check_variables(),
            leavings.check_leftovers(),
            leavings.check_work(ROOT),
            leavings.check_modules(ROOT),
            installation.check_git(),
        )
    )


def main(argv: list[str]) -> int:
    """Print the diagnosis.

    Parameters
    ----------
    argv : list of str
        The command's arguments.

    Returns
    -------
    int
        The exit status: 0 when the machine is fit, 1 when it is not.
    """
    parser = argparse.ArgumentParser(
        prog="python -m labkit doctor",
        description="Check this machine; the exit status is 0 when it is fit.",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    options = parser.parse_args(argv)
    kit = Environment(ROOT)
    if not kit.is_running() and bootstrap.unmet(ROOT, ()) and kit.is_complete():
        # The commands run in .venv, so that is what the question is about.
        return bootstrap.hand_over([str(kit.python), "-m", "labkit", "doctor", *argv])
    diagnosis = doctor()
    record = {"fit": diagnosis.fit, "checks": [asdict(c) for c in diagnosis.checks]}
    print(json.dumps(record, indent=2) if options.json else diagnosis)
    return 0 if diagnosis.fit else 1


class _Module(types.ModuleType):
    """The module itself, callable, for ``from labkit import doctor`` may give it."""

    def __call__(self) -> Diagnosis:
        return doctor()


sys.modules[__name__].__class__ = _Module
