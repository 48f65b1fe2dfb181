"""Dashboard and explorer, used as a learner does, by mouse and by keys."""

import re

SERVER = """\
from labkit import dashboard, explorer, start_server
server = start_server(name="shop")
orders = server.connect().get_queue("orders")"""
VIEW = "dashboard(server)"
PUT = 'orders.put_many(["tea", "milk", "rice"])'
GET = "orders.get_many(2)"
AGAIN = 'orders = server.connect().get_queue("orders")'
EXPLORER = "explorer()"


def test_dashboard_follows_what_is_put_and_got(notebook, lab):
    """Its picture has words, which tell of the items; the table says the same."""
    path = lab.write("notebooks/dashboard.ipynb", SERVER, VIEW, PUT, GET)
    view = notebook.open(path).run_cell(SERVER).run_cell(VIEW).cell(VIEW)
    view.get_by_role("status").get_by_text("running").first.wait_for()
    notebook.run_cell(PUT)
    view.get_by_role("img", name=re.compile("orders.*3")).first.wait_for()
    notebook.run_cell(GET)
    view.get_by_role("img", name=re.compile("orders.*1 now")).first.wait_for()
    assert notebook.problems() == []


def test_dashboard_stops_and_restarts_a_server(notebook, lab):
    """Each button does what it says, and the words say what became of the server."""
    path = lab.write("notebooks/dashboard.ipynb", SERVER, VIEW, PUT, AGAIN)
    view = notebook.open(path).run_cell(SERVER).run_cell(VIEW).cell(VIEW)
    state = view.get_by_role("status")
    state.get_by_text("running").first.wait_for()
    view.get_by_role("button", name="Stop", exact=True).click()
    state.get_by_text("stopped").first.wait_for()
    restart = view.get_by_role("button", name="Restart")
    notebook.until(restart.is_enabled)
    restart.press("Enter")
    state.get_by_text("running").first.wait_for()
    notebook.run_cell(AGAIN).run_cell(PUT)
    view.get_by_role("img", name=re.compile("orders.*3")).first.wait_for()
    assert notebook.problems() == []


def test_explorer_wants_a_guess_and_measures(notebook, lab):
    """By keys: without a guess it asks for one; then it says how far off that was."""
    path = lab.write("notebooks/explorer.ipynb", SERVER, EXPLORER)
    view = notebook.open(path).run_cell(SERVER).run_cell(EXPLORER).cell(EXPLORER)
    state, measure = view.get_by_role("status"), view.get_by_role("button", name="Meas")
    view.get_by_label("Second").select_option("simple queue")
    measure.press("Enter")
    state.get_by_text(re.compile("[Tt]ype your guess first")).wait_for()
    guess = view.get_by_label(re.compile("guess"))
    guess.fill("2")
    guess.press("Tab")
    for key in ("d", "d", "x"):  # on a control keys are not the notebook's
        notebook.page.keyboard.press(key)
    assert len(notebook.cells()) == 2
    measure.press("Enter")
    state.get_by_text(re.compile("guess was off by")).wait_for()
    view.get_by_role("cell", name="simple queue").wait_for()
    assert notebook.problems() == []
