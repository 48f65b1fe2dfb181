"""05.3: a master that starts first and ends last, and sorts what it gets."""

import importlib

import pytest

shared = importlib.import_module("exercises.checks.05_share_work_among_workers.team")

JOBS = ["tea", "milk", "sugar"]
WANTED = ["TEA", "MILK", "SUGAR"]
ADVICE = "Each line needs what lines above it have made."
NO_END = (
    "A worker ends when it gets a None of its own; results come when tasks have been "
    "put, and are not behind a None."
)


@pytest.fixture
def crew():
    """Lend a crew whose manager is not started."""
    crew = shared.Crew()
    yield crew
    crew.end()


def _play(answer, crew):
    """Run the master; return the call when it has ended."""
    call = answer.call(
        "master",
        manager=crew.manager,
        start_worker=lambda: crew.hire(shared.slow_leaver, JOBS),
        jobs=JOBS,
    )
    call.returns(NO_END, advice=ADVICE)
    return call


def test_results_are_in_order(answer, crew):
    """The first job ends last."""
    call = _play(answer, crew)
    assert call.value == WANTED, (
        f"{call} returned {call.value}; expected {WANTED}, as the jobs were given. "
        "Results come in the order of ending: sort them by number."
    )


def test_every_worker_goes_home(answer, crew):
    """After a result a worker pauses, then looks for the next task."""
    call = _play(answer, crew)
    for process in crew.processes:
        process.join(shared.PATIENCE_S)
    codes = [process.exitcode for process in crew.processes]
    assert len(codes) == len(JOBS), (
        f"{call} started {len(codes)} workers; expected three."
    )
    assert codes == [0, 0, 0], (
        f"{call} left its workers to end with the exit codes {codes}; expected 0 of "
        "each. They looked for a task when the server had ended, which is an EOFError: "
        "shut the manager down when all of them have gone home."
    )


def test_server_ends(answer, crew):
    """Nothing is left when the master has returned."""
    call = _play(answer, crew)
    assert not shared.is_serving(crew.manager), (
        f"{call} returned, and the manager's server was still running; expected it to "
        "have ended. Shut it down before you return."
    )
