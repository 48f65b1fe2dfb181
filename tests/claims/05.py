"""What the cells of lesson 05 must show."""

from tests.claims import claim

SHOWS = {
    "05-frail": ["the worker ended with 1", "results: 1", "tasks left: 1", "TypeError"],
    "05-steady": ["TypeError", "task 2: 4", "ada is alive: True"],
    "05-death": ["tasks: 0", "results: 0"],
    "05-death-raises": ["Empty: "],
    "05-order": ["ids of the results: [1, 2, 3, 4, 5, 0]"],
    "05-clean-up-run": ["still running: []"],
}


@claim("05-looks-counted")
def the_worker_leaves_two_tasks_behind(shown):
    """Ten looks do ten tasks, and the worker calls it success."""
    assert shown.count("run task") == 10
    assert "worker: 0" in shown


@claim("05-shutdown")
def a_worker_meets_the_end_of_the_server(shown):
    """All work is done, and the second worker ends with an error."""
    assert "exit code, master: 0" in shown
    assert "exit code, second worker: 1" in shown
    assert "EOFError" in shown or "Connection" in shown


@claim("05-sentinel")
def one_none_ends_one_worker(shown):
    """One worker leaves, the other stays."""
    assert "said goodbye and ended with 0" in shown
    assert shown.count("'") == 2


@claim("05-speed-up")
def waiting_scales_with_workers(shown):
    """Four workers are clearly faster at waiting than one."""
    one, two, four = shown.numbers("ask")
    assert one > 12 * 0.05
    assert one / four > 1.5
    assert two < one


@claim("05-threads-measured")
def threads_wait_side_by_side(shown):
    """Four waits of 0.1 s take about one."""
    assert shown.numbers("took")[0] < 0.4
