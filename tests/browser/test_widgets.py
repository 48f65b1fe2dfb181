"""Dashboard, explorer and panes, used as a learner does, in a real JupyterLab."""

import re

import pytest
from learner import wait_to_say

NOTEBOOK = "notebooks/widgets.ipynb"
CELLS = {
    "setup": """\
%load_ext labkit
from labkit import dashboard, explorer, processes, start_server""",
    "server": """\
server = start_server(name="shop")
orders = server.connect().get_queue("orders")
view = dashboard(server)
view""",
    "put": 'orders.put_many(["tea", "milk", "rice"])',
    "get": "orders.get()",
    "words": "print(repr(view))",
    "connect": 'orders = server.connect().get_queue("orders")',
    "explorer": "explorer()",
    "clock": """\
%%process clock
import itertools, time

for tick in itertools.count(1):
    print("tick", tick, flush=True)
    time.sleep(0.05)""",
    "alive": 'print(processes["clock"].is_alive())',
    "counting": """\
%%process counting
for number in range(3):
    print("number", number)""",
}


@pytest.fixture
def desk(page, lab):
    """Open a notebook with one cell for each thing, and run its set-up."""
    lab.write(NOTEBOOK, CELLS)
    return page.open(NOTEBOOK).run_cell("setup")


def printed(page, cell_id):
    """Run a cell that prints; return what it printed."""
    (output,) = page.run_cell(cell_id).outputs(cell_id)
    return output["text"]


def heights(view):
    """Return the line of a queue's depth: its height at each point."""
    points = view.locator("polyline.depth").last.get_attribute("points")
    return [48 - float(point.partition(",")[2]) for point in points.split()]


def test_dashboard_follows_what_is_put_and_got(desk):
    """Its words, its line, its table and its text twin tell of the same items."""
    view = desk.run_cell("server").cell("server")
    wait_to_say(desk, view.get_by_role("status"), "server 'shop'", "running (pid ")
    desk.run_cell("put")
    view.get_by_role("img", name="Depth of orders: 3 now, at most 3").wait_for()
    line = heights(view)
    assert line[-1] == max(line) > min(line)
    desk.run_cell("get").run_cell("get")
    view.get_by_role("img", name="Depth of orders: 1 now, at most 3").wait_for()
    line = heights(view)
    assert min(line) < line[-1] < max(line)
    view.get_by_role("button", name="Show table").click()
    wait_to_say(desk, view.get_by_role("table"), "depth\t1\n", "put\t3\ngot\t2\n")
    twin = printed(desk, "words")
    assert re.search(r"^depth +1$", twin, re.MULTILINE)
    assert re.search(r"^put +3\ngot +2$", twin, re.MULTILINE)
    assert desk.problems() == []


def test_dashboard_stops_restarts_and_kills_a_server(desk):
    """Each button does what it says, and the words say what became of the server."""
    view = desk.run_cell("server").run_cell("put").cell("server")
    state = view.get_by_role("status")
    stop, kill, restart = (
        view.get_by_role("button", name=name) for name in ("Stop", "Kill", "Restart")
    )
    before = wait_to_say(desk, state, "running (pid ")
    stop.click()
    wait_to_say(desk, state, "stopped; the items it held are lost")
    desk.until(restart.is_enabled, "a button that starts the server again")
    assert stop.is_disabled()
    assert kill.is_disabled()
    view.get_by_role("img", name="Depth of orders: - now").wait_for()
    restart.press("Enter")
    assert wait_to_say(desk, state, "running (pid ") != before
    desk.run_cell("connect").run_cell("put")
    view.get_by_role("img", name="Depth of orders: 3 now").wait_for()
    kill.click()
    wait_to_say(desk, state, "stopped; the items it held are lost")
    assert "stopped; the items it held are lost" in printed(desk, "words")
    assert desk.problems() == []


def drag(page, slider, by_px):
    """Move a slider with the mouse."""
    box = slider.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.raw.mouse.move(x, y)
    page.raw.mouse.down()
    page.raw.mouse.move(x + by_px, y, steps=4)
    page.raw.mouse.up()


def measured(page, view):
    """Press Measure; wait until that is over; return the only rate of the table."""
    row = view.get_by_role("row", name="direct queue")
    assert "not yet" in row.inner_text()
    view.get_by_role("button", name="Measure").click()
    page.until(lambda: "not yet" not in row.inner_text(), "a rate")
    wait_to_say(page, view.get_by_role("status"), "measured")
    return row.inner_text().split("\t")[2]


def test_explorer_measures_what_its_sliders_say(desk):
    """Moved by keys and by mouse: other words; measured: another curve."""
    view = desk.run_cell("explorer").cell("explorer")
    state, table = view.get_by_role("status"), view.get_by_role("table")
    for name in ("plain tcp", "labkit tcp", "labkit batched"):
        view.get_by_role("checkbox", name=name, exact=True).press("Space")
    wait_to_say(desk, state, "not measured yet: say what you expect")
    first = measured(desk, view)
    picture = view.get_by_role("img")
    assert picture.get_attribute("alt").endswith(f"direct queue {first}.")
    payload = view.get_by_role("slider", name="payload")
    payload.press("ArrowRight")
    wait_to_say(desk, table, "items of 64 bytes", "not yet")
    drag(desk, payload, 60)
    desk.until(lambda: "items of 64 bytes" not in table.inner_text(), "a payload")
    wait_to_say(desk, view, "The picture is of earlier settings: press Measure.")
    second = measured(desk, view)
    view.get_by_label("picture").select_option("by payload")
    desk.until(lambda: "Line chart" in picture.get_attribute("alt"), "a curve")
    assert all(rate in picture.get_attribute("alt") for rate in (first, second))
    assert desk.problems() == []


def last_tick(log):
    """Return the number that the clock has printed last."""
    return int(log.inner_text().split()[-1])


def test_pane_shows_output_as_it_comes_and_stops_its_program(desk):
    """Lines arrive while the program runs; Stop ends it, and the words say so."""
    pane = desk.run_cell("clock").cell("clock")
    state, log = pane.get_by_role("status"), pane.get_by_role("log")
    wait_to_say(desk, state, "clock: started ")
    wait_to_say(desk, log, "tick")
    seen = last_tick(log)
    desk.until(lambda: last_tick(log) > seen + 2, f"more ticks than {seen}")
    stop = pane.get_by_role("button", name="Stop")
    stop.click()
    wait_to_say(desk, state, "clock: ended")
    assert stop.count() == 0
    assert printed(desk, "alive") == "False\n"
    desk.run_cell("clock")
    wait_to_say(desk, state, "clock: started ")
    assert log.count() == 1
    pane.get_by_role("button", name="Ctrl-C").press("Enter")
    wait_to_say(desk, state, "clock: ended")
    wait_to_say(desk, log, "KeyboardInterrupt")
    assert desk.problems() == []


def test_pane_of_a_short_program_is_complete(desk):
    """All output is there, and the exit code, although it ended at once."""
    pane = desk.run_cell("counting").cell("counting")
    wait_to_say(desk, pane.get_by_role("status"), "counting: ended (exit code 0)")
    assert pane.get_by_role("log").inner_text() == "number 0\nnumber 1\nnumber 2"
    assert desk.problems() == []
