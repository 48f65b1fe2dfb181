"""What the cells of lesson 05 must show."""

from tests.claims import claim


@claim("05-looks-counted")
def the_worker_leaves_two_tasks_behind(shown):
    """Ten looks do ten tasks, and the worker calls it success."""
    assert shown.count("run task") == 10
    assert "worker: 0" in shown


@claim("05-shutdown")
def a_worker_meets_the_end_of_the_server(shown):
    """All work is done, and the second worker ends with an error."""
    assert "master: 0 second worker: 1" in shown
    assert "EOFError" in shown or "Connection" in shown


@claim("05-frail")
def one_bad_task_ends_the_worker(shown):
    """One result of three comes, and one task is left."""
    assert "the worker ended with 1" in shown
    assert "results: 1 tasks left: 1" in shown
    assert "TypeError" in shown


@claim("05-steady")
def a_failure_is_a_result(shown):
    """The traceback comes back as text, and the worker goes on."""
    assert "TypeError" in shown
    assert "task 2: 4 ada is alive: True" in shown


@claim("05-death")
def a_dead_workers_task_is_lost(shown):
    """Neither a task nor a result is left."""
    assert "tasks: 0 results: 0" in shown


@claim("05-death-raises")
def silence_is_all_that_the_master_gets(shown):
    """The timeout raises queue.Empty."""
    assert shown.error == "Empty"


@claim("05-order")
def results_come_in_the_order_of_ending(shown):
    """The long first task comes last."""
    assert "they came as [1, 2, 3, 4, 5, 0]" in shown


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


@claim("05-clean-up-run")
def nothing_is_left_running(shown):
    """Every program of the lesson has ended."""
    assert "still running: []" in shown
