"""05.3: a master that starts first and ends last, and sorts what it gets."""

import time

from labkit.grader.fixtures import points

JOBS = ["tea", "milk", "sugar"]
WANTED = ["TEA", "MILK", "SUGAR"]
ADVICE = "Each line needs what lines above it have made."
NO_END = (
    "A worker ends when it gets its own None; results come when tasks have been "
    "put, and are not behind a None."
)


def slow_leaver(manager, jobs):
    """Do jobs in capitals; the first ends last, and after each comes a pause."""
    tasks, results = manager.get_task_queue(), manager.get_result_queue()
    others = manager.get_gate()
    while (task := tasks.get()) is not None:
        number, job = task
        if number == 0:
            others.wait(1)
        results.put((number, job.upper()))
        if number == len(jobs) - 1:
            others.set()
        time.sleep(0.1)  # it tidies up before it looks for more


def _play(answer, crew):
    """Run the master; return the call when it has ended."""
    call = answer.call(
        "master",
        manager=crew.manager,
        start_worker=lambda: crew.hire(slow_leaver, JOBS),
        jobs=JOBS,
    )
    call.returns(NO_END, advice=ADVICE)
    return call


@points(2, "returns the results in the order of the jobs")
def test_results_are_in_order(answer, crew):
    """The first job ends last."""
    call = _play(answer, crew)
    assert call.value == WANTED, (
        f"{call} {call.outcome}; expected {WANTED}, as the jobs were given. "
        "Results come in the order in which tasks end: sort them by number."
    )


@points(2, "lets all three workers end by themselves, with exit code 0")
def test_every_worker_goes_home(answer, crew):
    """After a result a worker pauses, then looks for the next task."""
    call = _play(answer, crew)
    for process in crew.processes:
        process.join(3)
    codes = [process.exitcode for process in crew.processes]
    assert len(codes) == len(JOBS), (
        f"{call} started {len(codes)} workers; expected three."
    )
    assert codes == [0, 0, 0], (
        f"{call} left its workers to end with the exit codes {codes}; expected 0 of "
        "each. They looked for a task when the server had ended, which is an EOFError: "
        "shut the manager down when all of them have gone home."
    )


@points(1, "leaves no server running")
def test_server_ends(answer, crew):
    """Nothing is left when the master has returned."""
    call = _play(answer, crew)
    assert not crew.is_serving, (
        f"{call} returned, and the manager's server was still running; expected it to "
        "have ended. Shut it down before you return."
    )
