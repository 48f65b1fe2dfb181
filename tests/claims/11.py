"""What the cells of lesson 11 must show."""

from tests.claims import claim


def table(shown):
    """Return the cells of a Markdown table, row by row."""
    texts = [out.get("data", {}).get("text/markdown", "") for out in shown.outputs]
    rows = [x for x in "\n".join(texts).splitlines() if x.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def number(cell):
    """Return the number at the beginning of a table's cell."""
    return float(cell.split()[0].rstrip("%/s").replace(",", ""))


@claim("11-same")
def both_engines_give_the_same_records(shown):
    """Six records, one of them an error."""
    assert "squares 4 16" in shown
    assert "prices milk KeyError: 'milk'" in shown
    assert "the same records: True" in shown


@claim("11-raises")
def result_raises_what_the_task_raised(shown):
    """The exception comes home from the worker."""
    assert (shown.error, shown.message) == ("KeyError", "'milk'")


@claim("11-raises-caught")
def each_future_has_its_own_error(shown):
    """One failed task leaves the other alone."""
    assert "tea -> 3" in shown
    assert "milk -> KeyError('milk')" in shown


@claim("11-pure")
def equal_calls_run_once(shown):
    """Three equal numbers; with pure=False they differ."""
    lazy, honest = (
        [*map(int, line.split("[")[1].strip("]").split(","))]
        for line in shown.strip().splitlines()[-2:]
    )
    assert len(set(lazy)) == 1
    assert len(set(honest)) > 1


@claim("11-stay")
def the_count_is_where_the_cups_are(shown):
    """The second task ran on the worker that had the first one's result."""
    assert "counted: 100000" in shown
    assert "same worker: True" in shown


@claim("11-dies")
def a_dead_workers_task_is_done_again(shown):
    """The tea is brewed, and there are two workers again."""
    assert "brewed" in shown
    assert "workers again: 2" in shown


@claim("11-watch")
def two_tasks_a_thread_are_handed_out(shown):
    """The scheduler holds the other 36 back."""
    assert "handed out: 4" in shown


@claim("11-queue")
def a_stranger_runs_code_in_the_scheduler(shown):
    """Without TLS nobody asks for a key."""
    assert "in this notebook's process: True" in shown


@claim("11-cost")
def a_task_costs_dask_several_times_as_much(shown):
    """One by one more than twice; lists of 100 are five times cheaper on both."""
    (_, manager, dask), (_, lists, dask_lists) = table(shown)
    assert number(dask) > 2 * number(manager)
    assert number(manager) > 5 * number(lists)
    assert number(dask) > 5 * number(dask_lists)


@claim("11-length")
def long_tasks_keep_workers_busy(shown):
    """On both engines the longest naps leave the least to the way."""
    short, _, long = table(shown)
    assert all(number(long[n]) > number(short[n]) for n in (1, 2))


@claim("11-model-try")
def the_model_has_a_bend(shown):
    """Ten workers do less than ten times one; a hundred fill the server."""
    assert "1 workers: 100 tasks/s" in shown
    assert "100 workers: 1000 tasks/s" in shown
    assert 700 < shown.numbers("10 workers:")[0] < 900


@claim("11-model")
def the_model_is_near_what_was_measured(shown):
    """Off by a few percent on a quiet machine, by far more on a busy one."""
    assert all(abs(number(row[3])) < 90 for row in table(shown))


@claim("11-far")
def lists_keep_more_workers_busy(shown):
    """Of the five choices, one task a time on Dask ends first."""
    rows = {name: number(ten) for name, ten, *_ in table(shown)}
    assert rows["Dask, 1 a time"] < rows["manager, 1 a time"]
