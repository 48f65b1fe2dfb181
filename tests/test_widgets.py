"""The dashboard and the explorer: what they show, their buttons, and their end."""

import os
import re
import signal
import threading

import pytest
from programs import posix_only, until

from labkit import dashboard, explorer, start_server, throughput
from labkit.errors import MeasurementError, ServerStartError
from labkit.throughput import Measurement


@pytest.fixture
def server():
    """Return a server with a queue of three orders, one of which was taken."""
    with start_server(name="shop") as server:
        orders = server.connect().get_queue("orders")
        orders.put_many(["tea", "milk", "rice"])
        orders.get()
        yield server


@pytest.fixture
def view(server):
    """Return its dashboard."""
    view = dashboard(server)
    yield view
    view.close()


def test_text_twin_is_a_sentence_and_a_table(server, view):
    """As text the dashboard has a line for each queue, a column for each number."""
    first, heads, orders = str(view).splitlines()
    assert first == f"Server 'shop' is running (pid {server.pid})."
    assert heads.split()[:2] == ["queue", "depth"]
    assert orders.split() == ["orders", "2", "0", "0", "0", "3", "1", "0", "0"]
    assert "<td>orders</td><td>2</td>" in view.table.value
    twins = view._repr_mimebundle_()
    assert "orders      2  " in twins["text/html"]
    assert re.match(r"At \d\d:\d\d:\d\d: Server 'shop' is running", twins["text/plain"])


def test_numbers_follow_the_queues(server, view):
    """What is put appears with its rate, in the table and in the line's words."""
    server.connect().get_queue("orders").put("jam")
    until(lambda: view.rows[0][5] == "4")
    assert float(view.rows[0][3]) > 0
    assert 'aria-label="orders: depth 3 now, 3 at most in 30 s"' in view.table.value


def test_an_idle_server_has_no_table():
    """Before a client asks for a queue, a sentence says so."""
    with start_server(name="idle") as server:
        view = dashboard(server)
        assert str(view).endswith("No client has asked for a queue yet.")
        view.close()


@pytest.mark.parametrize("name", ["Stop", pytest.param("Kill", marks=pytest.mark.long)])
def test_end_and_restart_by_button(server, view, name):
    """Buttons end the server and start it again; senseless ones are grey."""
    pid = server.pid
    view.buttons[name].click()
    until(lambda: "stopped, and the items it held are lost" in view.says)
    assert view.buttons["Stop"].disabled
    assert view.rows[0][0] == "orders"  # the last numbers stay
    view.buttons["Restart"].click()
    until(lambda: "running" in view.says)
    assert server.pid != pid
    assert not view.buttons["Stop"].disabled


def test_a_journal_keeps_the_items(tmp_path):
    """The words do not say that they are lost."""
    with start_server(name="kept", journal=tmp_path / "journal") as server:
        view = dashboard(server)
        server.stop()
        until(lambda: "the items it held are in its journal" in view.says)
        view.close()


@pytest.mark.long
@posix_only
def test_a_frozen_server_does_not_freeze_the_notebook(server, view):
    """A server that does not answer is said not to, and can be killed."""
    os.kill(server.pid, signal.SIGSTOP)
    until(lambda: "but it does not answer" in view.says)
    view.buttons["Kill"].click()
    until(lambda: "stopped" in view.says)


def test_a_failed_action_is_said(view, monkeypatch):
    """What keeps an action from working is shown, and the buttons work again."""

    def fail(_):
        raise ServerStartError("No room is left.")

    monkeypatch.setattr("labkit.servers.ServerProcess.restart", fail)
    view.buttons["Restart"].click()
    until(lambda: view.says.endswith("No room is left."))
    until(lambda: not view.buttons["Restart"].disabled)


def test_a_closed_view_leaves_nothing(server, view):
    """Another view of the server closes this one, with its thread and widgets."""
    from ipywidgets.widgets.widget import _instances

    before, threads = len(_instances), threading.active_count()
    second = dashboard(server)
    assert view.box.comm is None
    assert (len(_instances), threading.active_count()) == (before, threads)
    second.close()
    second.close()
    assert "running" in str(second)
    assert "widget-view" not in str(second._repr_mimebundle_())


def test_names_are_text_not_markup(server, view):
    """A queue's name cannot become HTML."""
    server.connect().get_queue("<b>")
    until(lambda: "<td>&lt;b&gt;</td>" in view.table.value)


# --- the explorer ---------------------------------------------------------------------


def found(transport, rate, spread=0.0):
    """Return a measurement."""
    rates = (rate, rate * (1 - spread), rate * (1 + spread))
    return Measurement(transport, 8, 1, rates)


@pytest.fixture
def explore(monkeypatch):
    """Return a function that makes an explorer with a measurement of one's own."""
    views = []

    def make(compare=throughput.compare):
        monkeypatch.setattr("labkit.throughput.compare", compare)
        views.append(explorer())
        return views[-1]

    yield make
    for view in views:
        finish(view)
        view.close()


def finish(view):
    """Wait until nothing is being measured."""
    until(lambda: not view.measure_button.disabled)


def measured(view, guess):
    """Type a guess, measure, and return what was said."""
    view.guess.value = guess
    view.measure_button.click()
    finish(view)
    return view.says


def test_a_guess_is_compared_with_what_was_measured(explore):
    """The table keeps both, the latest first, and the text twin has the same."""
    seen = []

    def compare(names, **settings):
        seen.append((names, settings["payload_bytes"], settings["batch_size"]))
        return [found(names[0], 9000), found(names[1], 3000)]

    view = explore(compare)
    view.size.value = 1 << 10
    said = measured(view, "6")
    assert said == "Measured: 3 times as fast. Your guess was off by a factor of 2."
    assert seen == [(["direct queue", "plain tcp"], 1024, 100)]
    measured(view, "3")
    row = ["direct queue", "plain tcp", "1 KiB", "9,000", "3,000", "3"]
    assert view.rows == [[*row, "3"], [*row, "6"]]
    assert str(view).splitlines()[-1].endswith("9,000     3,000      3      6")


@pytest.mark.parametrize("guess", ["", "many", "0"])
def test_it_asks_for_a_guess_first(explore, guess):
    """Without one nothing is measured."""
    view = explore(lambda *_, **__: pytest.fail("it measured"))
    assert measured(view, guess).startswith("Type your guess first")


def test_the_notebook_goes_on_meanwhile(explore):
    """A click returns at once, and another one has no effect."""
    may_end, calls = threading.Event(), []

    def compare(names, **_):
        calls.append(names)
        may_end.wait(10)
        return [found(name, 1) for name in names]

    view = explore(compare)
    view.guess.value = "1"
    view.measure_button.click()
    assert view.measure_button.disabled
    view.measure()
    may_end.set()
    finish(view)
    assert len(calls) == 1
    assert not view.measure_button.disabled


def test_failure_and_doubt_are_said_in_words(explore):
    """What went wrong is shown, and a measurement that cannot be trusted."""

    def fail(*_, **__):
        raise MeasurementError("it took too long")

    assert measured(explore(fail), "2") == "it took too long"

    def shaky(names, **_):
        return [found(names[0], 2), found(names[1], 1, 0.5)]

    assert "close other programs" in measured(explore(shaky), "2")


@pytest.mark.long
def test_it_measures_for_real(explore):
    """Both transports, in child processes."""
    assert measured(explore(), "5").startswith("Measured: ")
