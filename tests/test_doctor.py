"""The doctor's report: what it says, in which form, and when it is enough."""

import importlib
import json

import pytest

from labkit._doctor.findings import Check

# The package has a function of that name as well, so the module is asked for.
doctor = importlib.import_module("labkit.doctor")

FINE = Check("disk", "ok", "900 MB free")
WARNED = Check("git", "warn", "not found", "only needed to update the kit")
FAILED = Check("packages", "FAIL", "missing <psutil>", "python3 -m labkit lab")


def test_this_machine_is_fit():
    """Where the tests run, every check is made and none fails."""
    diagnosis = doctor.doctor()
    assert diagnosis.fit
    names = [check.name for check in diagnosis.checks]
    assert names == [
        "Python",
        "packages",
        "venv",
        "disk",
        "folders",
        "memory",
        "open files",
        "clock",
        "start method",
        "loopback",
        "ports",
        "browser",
        "settings",
        "variables",
        "processes",
        "work",
        "modules",
        "git",
    ]


def test_it_prints_one_line_per_check():
    """A check has one line: its state, its name, what was found, what to do."""
    diagnosis = doctor.Diagnosis((FINE, WARNED, FAILED))
    assert repr(diagnosis).splitlines() == [
        "ok    disk      900 MB free",
        "warn  git       not found: only needed to update the kit",
        "FAIL  packages  missing <psutil>: python3 -m labkit lab",
        "This machine is not fit yet: see to what says FAIL.",
    ]


def test_a_notebook_gets_the_verdict_and_what_is_wrong():
    """In a notebook the verdict comes first; what is well is folded; all escaped."""
    page = doctor.Diagnosis((FINE, FAILED, FINE))._repr_html_()
    assert page.startswith("<p><b>This machine is not fit yet")
    open_part, folded = page.split("<details>")
    assert "missing &lt;psutil&gt;: python3 -m labkit lab" in open_part
    assert "900 MB" not in open_part
    assert "2 of 3 checks are ok" in folded
    assert folded.count("<tr>") == 2


def test_a_notebook_of_a_sick_machine_folds_nothing():
    """Where nothing is well there is nothing to unfold."""
    assert "<details>" not in doctor.Diagnosis((FAILED,))._repr_html_()


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ((FINE,), "This machine is fit for the kit."),
        ((FINE, WARNED), "fit for the kit, within the limits that say warn."),
        ((WARNED, FAILED), "This machine is not fit yet: see to what says FAIL."),
    ],
)
def test_verdict(checks, verdict):
    """The last line says it all in a sentence."""
    assert repr(doctor.Diagnosis(checks)).endswith(verdict)


@pytest.mark.parametrize(
    ("checks", "fit"), [((FINE, WARNED), True), ((FAILED,), False)]
)
def test_only_a_failure_makes_it_unfit(checks, fit):
    """A warning leaves the machine fit."""
    assert doctor.Diagnosis(checks).fit is fit


def test_command_prints_json(capsys):
    """--json prints the same record, and the exit status says whether it is fit."""
    assert doctor.main(["--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["fit"] is True
    assert set(record["checks"][0]) == {"name", "state", "found", "todo"}


def test_command_fails_on_a_machine_that_is_not_fit(capsys, monkeypatch):
    """Where something fails the exit status is 1."""
    monkeypatch.setattr(doctor, "doctor", lambda: doctor.Diagnosis((FAILED,)))
    assert doctor.main([]) == 1
    assert "FAIL  packages" in capsys.readouterr().out


def test_the_name_is_callable_whatever_was_imported_first():
    """`import labkit.doctor` does not turn labkit.doctor into a mere module."""
    import labkit.doctor

    assert callable(labkit.doctor)
