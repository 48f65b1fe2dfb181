"""The live view of a server: what it shows, its buttons, its end, what it costs."""

import ast
import gc
import itertools
import os
import re
import signal
import sys
import threading
from html.parser import HTMLParser

import pytest
from kernels import kernel_in

from labkit import dashboard, start_server
from labkit._dashboards import gauges, meters
from labkit._dashboards.meters import (
    GONE,
    RUNNING,
    SILENT,
    STOPPED,
    Meter,
    QueueReading,
    Reading,
)
from labkit.errors import ServerStartError, ViewTimeoutError
from labkit.manager import QueueStats

posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGSTOP")


@pytest.fixture(scope="module")
def server():
    """Return a server that these tests share; they leave it running."""
    with start_server(name="shop") as server:
        yield server


@pytest.fixture
def doomed():
    """Return a server for a test that ends it."""
    with start_server(name="doomed") as server:
        yield server


@pytest.fixture
def doomed_view(doomed):
    """Return its dashboard."""
    with dashboard(doomed) as view:
        yield view


@pytest.fixture
def view(server):
    """Return its dashboard."""
    with dashboard(server) as view:
        yield view


def has(state):
    """Return a test of a reading's state."""
    return lambda reading: reading.state == state


def stats(depth, put=0, got=0):
    """Return the numbers of a queue."""
    return QueueStats(depth, 0, put, got, 0, 0, 0, 1)


def reading(at_s, depth, state=RUNNING, name="tasks"):
    """Return a reading with one queue, or with none."""
    queues = {} if depth is None else {name: QueueReading(stats(depth), 1.0, 2.0)}
    return Reading(at_s, state, 7, 0, queues)


def test_numbers_follow_the_queues(server, view):
    """What is put and got appears, with its rates and the connection that did it."""
    orders = server.connect().get_queue("orders")
    view.wait_for(lambda now: "orders" in now.queues)
    for number in range(7):
        orders.put(number)
    orders.get()
    orders.receive()
    found = view.wait_for(lambda now: now.queues["orders"].stats.unacked == 1)
    assert found.queues["orders"].stats.depth == 5
    assert found.queues["orders"].stats.put == 7
    assert found.connections == 1
    view.wait_for(lambda now: now.queues["orders"].put_per_s > 0)


def test_picture_says_in_words_what_it_draws():
    """Every drawing has a role and a sentence with the numbers."""
    picture = gauges.cards([reading(0, 4), reading(1, 3)], ["tasks"])
    for says in (
        "Depth of tasks: 3 now, at most 4 in 30 s",
        "tasks: put 1 and got 2 items per second",
    ):
        assert f'role="img" aria-label="{says}"' in picture


def test_text_twin_is_a_table(server, view):
    """As text the dashboard has a line for each number, a column for each queue."""
    server.connect().get_task_queue().put("tea")
    view.wait_for(lambda now: "tasks" in now.queues)
    lines = str(view).splitlines()
    assert lines[0].startswith(f"server 'shop' at 127.0.0.1:{server.address[1]}: ")
    assert f"running (pid {server.pid})" in lines[0]
    column = lines[1].split().index("tasks")
    assert lines[2].split()[0] == "depth"
    assert lines[2].split()[column] == "1"
    assert len({len(line) for line in lines[1:]}) == 1


def test_nothing_to_show_is_said():
    """Before the first queue is made, the view says who makes it."""
    nothing = reading(0, None)
    said = "no queue yet: the first client that asks for one makes it"
    assert said in gauges.text(nothing, [], "shop")
    assert said in gauges.cards([nothing], [])


def test_table_is_shown_on_demand(server, view):
    """A button shows the numbers as an HTML table with heads, and hides it again."""
    server.connect().get_task_queue()
    view.wait_for(lambda now: "tasks" in now.queues)
    view.table_button.click()
    assert view.table.layout.display == "block"
    assert '<th scope="col">tasks</th>' in view.table.value
    assert '<th scope="row">waiting consumers</th><td>0</td>' in view.table.value
    assert view.table_button.description == "Hide table"
    view.table_button.click()
    assert view.table.layout.display == "none"


def test_table_changes_once_a_second(server, view):
    """Who reads the table is given time to."""
    view.table_button.click()
    changes = []
    view.table.observe(lambda _: changes.append(1), "value")
    tea = server.connect().get_queue("tea")
    for number in range(6):
        tea.put(number)
        view.wait_for(
            lambda now, n=number: (
                "tea" in now.queues and now.queues["tea"].stats.put > n
            )
        )
    assert len(changes) <= 3


def test_pause_holds_the_numbers_still(server, view):
    """Paused, the picture stays as it is, and the state says so; go on, it follows."""
    view.pause_button.click()
    before = view.picture.value
    server.connect().get_queue("late")
    view.wait_for(lambda now: "late" in now.queues)
    assert view.picture.value == before
    assert view.state.value.endswith("; paused</p>")
    view.pause_button.click()
    assert "queue late" in view.picture.value
    assert view.pause_button.description == "Pause"


@pytest.mark.parametrize("name", ["stop_button", "kill_button"])
def test_end_and_restart_by_button(doomed, doomed_view, name):
    """Stop and kill end the server, restart starts it; senseless buttons are grey."""
    pid = doomed.pid
    doomed.connect().get_task_queue().put("tea")
    doomed_view.wait_for(lambda now: "tasks" in now.queues)
    getattr(doomed_view, name).click()
    doomed_view.wait_for(
        lambda now: now.state == STOPPED and doomed_view.stop_button.disabled
    )
    assert doomed_view.kill_button.disabled
    doomed_view.wait_for(lambda _: not doomed_view.restart_button.disabled)
    assert "stopped; the items it held are lost" in str(doomed_view)
    assert re.search(r"depth +-\n", str(doomed_view))
    doomed_view.restart_button.click()
    doomed_view.wait_for(
        lambda now: now.state == RUNNING and not doomed_view.stop_button.disabled
    )
    assert doomed.pid != pid
    assert doomed.is_alive()


def test_death_of_the_server_is_shown(doomed, doomed_view):
    """A server that was killed elsewhere is stopped, and its line stays to be seen."""
    doomed.connect().get_task_queue().put("tea")
    doomed_view.wait_for(lambda now: "tasks" in now.queues)
    os.kill(doomed.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    doomed_view.wait_for(
        lambda now: now.state == STOPPED and "stopped" in doomed_view.state.value
    )
    assert "queue tasks" in doomed_view.picture.value
    assert "<polyline" in doomed_view.picture.value


def test_journal_keeps_the_items(tmp_path):
    """Of a server with a journal, the view does not say that items are lost."""
    with (
        start_server(name="shop", journal=tmp_path / "journal") as server,
        dashboard(server) as view,
    ):
        server.stop()
        view.wait_for(has(STOPPED))
        assert "the items it held are in its journal" in str(view)


@posix_only
def test_frozen_server_is_told(doomed, doomed_view, monkeypatch):
    """A server that does not answer is said to, and can be killed."""
    monkeypatch.setattr(meters, "_ANSWER_WITHIN_S", 0.3)
    os.kill(doomed.pid, signal.SIGSTOP)
    doomed_view.wait_for(has(SILENT))
    assert f"it does not answer (pid {doomed.pid})" in str(doomed_view)
    doomed_view.kill_button.click()
    doomed_view.wait_for(has(STOPPED))


def test_button_waits_for_nothing(view):
    """A click returns while its action takes its time, and a second has no effect."""
    begun, may_end, calls = threading.Event(), threading.Event(), []

    def act(_):
        calls.append(1)
        begun.set()
        may_end.wait(10)

    view._act("being repaired", act)
    assert begun.wait(5)
    view._act("being painted", act)
    view.wait_for(lambda _: "being repaired" in view.state.value)
    assert view.restart_button.disabled
    may_end.set()
    view.wait_for(lambda _: not view.restart_button.disabled)
    assert calls == [1]


def test_failed_action_is_told(view):
    """What keeps an action from working is shown, and the buttons work again."""

    def fail(_):
        raise ServerStartError("no room left; free some")

    view._act("restarting", fail)
    view.wait_for(lambda _: "no room left; free some" in view.state.value)
    view.wait_for(lambda _: not view.stop_button.disabled)


def test_dropped_server_ends_the_view():
    """The view does not keep a server object, and ends when it has gone."""
    server = start_server(name="dropped")
    child = server._process
    try:
        with dashboard(server) as view:
            del server
            gc.collect()
            view.wait_for(has(GONE))
            view._meter._thread.join(5)
            assert not view._meter._thread.is_alive()
            assert "keep it in a variable" in view.state.value
            assert view.restart_button.disabled
            view.restart_button.click()
    finally:
        child.communicate()


def test_closed_view_leaves_nothing(server):
    """Closing ends the thread and the widgets; the text stays; again is harmless."""
    from ipywidgets.widgets.widget import _instances

    before, threads = set(_instances), set(threading.enumerate())
    view = dashboard(server)
    view.close()
    view.close()
    assert set(_instances) == before
    assert set(threading.enumerate()) == threads
    assert "running" in str(view)
    assert "application/vnd.jupyter.widget-view+json" not in view._repr_mimebundle_()


def test_second_view_of_a_server_replaces_the_first(server, view):
    """A cell that is run again leaves one dashboard, and one thread."""
    with dashboard(server) as second:
        assert view.closed
        assert not second.closed
    assert second.closed


def test_waiting_in_vain_is_told(view):
    """Who waits for what does not come learns what there is."""
    with pytest.raises(ViewTimeoutError, match=r"within 0.1 s; it shows:\nserver"):
        view.wait_for(has("upside down"), timeout=0.1)


def test_names_are_text_not_html(server, view):
    """A queue's name cannot become markup, nor end an attribute."""
    server.connect().get_queue('<b>"&').put("tea")
    view.wait_for(lambda now: '<b>"&' in now.queues)
    view.table_button.click()
    assert 'aria-label="queue &lt;b&gt;&quot;&amp;"' in view.picture.value
    assert '<th scope="col">&lt;b&gt;&quot;&amp;</th>' in view.table.value
    for widget in (view.picture, view.table):
        assert '<b>"' not in widget.value


def test_slow_readings_take_half_of_the_time(server):
    """A listener that takes 40 ms is called every 80 ms, not every 10."""
    ready = threading.Event()
    times = []

    def listen(now):
        times.append(now.at_s)
        if len(times) == 4:
            ready.set()
        threading.Event().wait(0.04)

    meter = Meter(server, listen, interval_s=0.01)
    meter.start()
    assert ready.wait(10)
    meter.close()
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.079


def test_meter_dozes_when_nobody_is_there(server, monkeypatch):
    """Long after the last click there are few readings."""
    monkeypatch.setattr(meters, "_AWAKE_S", -1.0)
    monkeypatch.setattr(meters, "_DOZING_INTERVAL_S", 0.25)
    times, ready = [], threading.Event()
    meter = Meter(
        server, lambda now: times.append(now.at_s) or len(times) < 3 or ready.set()
    )
    meter.start()
    assert ready.wait(10)
    meter.close()
    assert times[2] - times[0] >= 0.45


def test_history_is_bounded(server):
    """However long it runs, 30 seconds of readings are kept."""
    meter = Meter(server, lambda _: None, interval_s=10.0)
    for number in range(100):
        meter._history.append(reading(number, 1))
    assert len(meter.history) == 4


def points(picture, kind):
    """Return the points of each line of a kind."""
    found = []

    class Reader(HTMLParser):
        def handle_startendtag(self, tag, attrs):
            if tag == "polyline" and dict(attrs)["class"] == kind:
                pairs = dict(attrs)["points"].split()
                found.append([tuple(map(int, pair.split(","))) for pair in pairs])

    Reader().feed(picture)
    return found


def test_line_has_a_gap_where_the_server_was_down():
    """Time runs to the right, depth up; no line where there was no answer."""
    history = [reading(0, 0), reading(10, 4), reading(20, None, STOPPED)]
    history += [reading(25, 2), reading(30, 2), reading(30, 2)]
    lines = points(gauges.cards(history, ["tasks"]), "depth")
    assert lines == [[(0, 46), (100, 2)], [(250, 24), (300, 24)]]


def test_level_stretch_is_two_points():
    """A queue that rests is drawn, and sent, in a few characters."""
    history = [reading(second / 10, 3) for second in range(300)]
    assert points(gauges.cards(history, ["tasks"]), "depth") == [[(1, 2), (300, 2)]]


def test_many_queues_are_named():
    """Eight queues are drawn, and the number of the others is told."""
    names = [f"q{number}" for number in range(11)]
    picture = gauges.cards([reading(0, 1)], names)
    assert picture.count("<section") == 8
    assert "and 3 more queues: see the table" in picture


def test_names_in_the_package_load_no_widgets():
    """Importing the names costs no ipywidgets and no matplotlib."""
    from labkit import supervised

    code = (
        "import sys; from labkit import dashboard, explorer; "
        "print({'ipywidgets', 'IPython', 'matplotlib'} & set(sys.modules))"
    )
    finished = supervised.run([sys.executable, "-c", code], timeout_s=30)
    assert finished.output.strip() == "set()"


IN_KERNEL = """
import gc, psutil, threading, time
from labkit import dashboard, start_process, start_server
server = start_server()
server.write_key_file("key")
busy = start_process("busy.py", str(server.address[1]))
view = dashboard(server)
count = []
view.picture.observe(lambda _: count.append(1), "value")
def cost():
    gc.collect()
    me = psutil.Process()
    return len(count), me.memory_info().rss, threading.active_count(), me.num_fds()
"""
BUSY = """
import sys
from labkit import connect
from labkit.manager.keys import read_key_file
tasks = connect(("127.0.0.1", int(sys.argv[1])), read_key_file("key")).get_task_queue()
while True:
    tasks.put_many(range(50))
    tasks.get_many(50)
"""


@posix_only
def test_dashboard_in_a_kernel(tmp_path, request):
    """It is shown, follows a busy server, holds nobody up, and memory stays flat."""
    seconds = request.config.getoption("--dashboard")
    (tmp_path / "busy.py").write_text(BUSY, "utf-8")
    with kernel_in(tmp_path) as kernel:
        kernel.run(IN_KERNEL)
        kernel.run("view")
        (shown,) = [m for m in kernel.messages if m["msg_type"] == "execute_result"]
        data = shown["content"]["data"]
        assert data["text/plain"].startswith("server 'default' at 127.0.0.1:")
        assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
        kernel.run("view.wait_for(lambda now: 'tasks' in now.queues)")
        threading.Event().wait(min(seconds / 2, 31))  # until its history is full
        first = ast.literal_eval(kernel.run("cost()"))
        threading.Event().wait(seconds)
        last = ast.literal_eval(kernel.run("cost()"))
        kernel.run("server.stop()")
    # In a short run, on a busy machine, a few seconds say little.
    assert last[0] - first[0] >= (9.5 if seconds >= 30 else 3) * seconds, (first, last)
    assert last[1] - first[1] < 2**20, (first, last)
    assert last[2] <= first[2] + 1, (first, last)
