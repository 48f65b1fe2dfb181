"""What the cells of lesson 11 must show."""

from tests.claims import claim

SHOWS = {
    "11-same": [
        "squares 4 16",
        "prices milk KeyError: 'milk'",
        "the same records: True",
    ],
    "11-raises-caught": ["tea -> 3", "milk -> KeyError('milk')"],
    "11-stay": ["counted: 100000", "same worker: True"],
    "11-dies": ["brewed", "workers again: 2"],
    "11-queue": ["in this notebook's process: True"],
}


def table(shown):
    """Return the cells of a Markdown table, row by row."""
    texts = [out.get("data", {}).get("text/markdown", "") for out in shown.outputs]
    rows = [x for x in "\n".join(texts).splitlines() if x.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def number(cell):
    """Return the number at the beginning of a table's cell."""
    return float(cell.split()[0].rstrip("%/s").replace(",", ""))


@claim("11-raises")
def result_raises_what_the_task_raised(shown):
    """The exception comes home from the worker."""
    assert (shown.error, shown.message) == ("KeyError", "'milk'")


@claim("11-pure")
def equal_calls_run_once(shown):
    """Three equal numbers; with pure=False they differ."""
    lazy, honest = (
        [*map(int, line.split("[")[1].strip("]").split(","))]
        for line in shown.strip().splitlines()[-2:]
    )
    assert len(set(lazy)) == 1
    assert len(set(honest)) > 1


@claim("11-watch")
def two_tasks_a_thread_are_handed_out(shown):
    """The scheduler holds the rest of the 40 back."""
    handed_out, workers = shown.numbers("handed out:")[0], shown.numbers(" to")[0]
    assert handed_out == 2 * workers


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
    """Off by a third at most; 20 ms leave time for whatever else the machine does."""
    assert all(abs(number(row[3])) < 35 for row in table(shown))


@claim("11-far")
def lists_keep_more_workers_busy(shown):
    """Of the five choices, one task a time on Dask ends first."""
    rows = {name: number(ten) for name, ten, *_ in table(shown)}
    assert rows["Dask, 1 a time"] < rows["manager, 1 a time"]
