"""One server and many workers: the model, the simulation, and what was measured."""

import itertools
import math
import os

import pytest

from labkit._scaling import modelchecks as scaling
from labkit._scaling import scale
from labkit._scaling.choices import Choice
from labkit._scaling.modelchecks import Check, Point, calibrate, check, kept_busy
from labkit._scaling.queueing import Demand, knee, mva
from labkit._scaling.scaleplots import plot_checks, plot_choices
from labkit._scaling.simulations import rivals_of, simulate
from labkit._scaling.teams import Run, Shift, Team
from labkit.errors import MeasurementError

WAITS = Demand(0.009, computes=False, worker_s=0.0, server_s=0.001)
COMPUTES = Demand(0.009, computes=True, worker_s=0.0, server_s=0.001)


def test_mean_value_analysis_is_exact_where_it_can_be_done_by_hand():
    """One worker; two of them, on paper; so many that the server is never idle."""
    assert mva([0.001], 0.009, 1) == pytest.approx(100)
    # The second finds the first at the server a tenth of the time.
    assert mva([0.001], 0.009, 2) == pytest.approx(2 / (0.009 + 0.001 * 1.1))
    assert mva([0.001], 0.009, 1000) == pytest.approx(1000, rel=1e-6)
    # Four servers that share the work carry four times as much.
    assert mva([0.00025] * 4, 0.009, 5000) == pytest.approx(4000, rel=0.01)


def test_what_cannot_be():
    """The message says what was given."""
    with pytest.raises(MeasurementError, match="0 workers"):
        mva([0.001], 0.0, 0)
    with pytest.raises(MeasurementError, match="on 0 cores"):
        simulate(WAITS, 1, 0)


@pytest.mark.parametrize("workers", [1, 2, 8, 20])
def test_simulation_agrees_with_the_analysis(workers):
    """Where processors are no limit, the two say the same."""
    rate, _ = simulate(WAITS, workers, math.inf, tasks=2000)
    assert rate == pytest.approx(mva([0.001], 0.009, workers), rel=0.08)


def test_processors_are_a_limit():
    """Tasks that compute go no faster than all processors; waiting ones do."""
    assert simulate(COMPUTES, 8, 2.0)[0] == pytest.approx(200, rel=0.05)
    assert simulate(WAITS, 8, 2.0)[0] > 600


def test_rivals_take_their_share():
    """Two workers and two rivals on two processors: half for each side."""
    rate, used = simulate(COMPUTES, 2, 2.0, rivals=2.0)
    assert rate == pytest.approx(100, rel=0.1)
    assert used == pytest.approx(1.0, rel=0.1)
    assert rivals_of(COMPUTES, 2, 2.0, used) == pytest.approx(2.0, rel=0.3)


def test_knee():
    """Ten workers fill a server that each needs a tenth of its time."""
    assert knee(WAITS) == pytest.approx(10)


def test_workers_kept_busy():
    """About a tenth of what a full server would carry waits; none, if alone is much."""
    most = kept_busy([0.001], 0.0, 1.0)
    assert mva([0.001], 1.0, most) >= 0.9 * most
    assert mva([0.001], 1.0, most + 1) < 0.9 * (most + 1)
    assert kept_busy([0.001], 0.0, 0.001) == 0


def test_choice():
    """Its limit, its network, and the shortest task for so many workers agree."""
    choice = Choice("manager", 0.0001)
    assert choice.limit_per_s == pytest.approx(10_000)
    length = choice.shortest_task_s(100)
    assert choice.rate(100, length) * length == pytest.approx(90, rel=0.01)
    full = choice.rate(1000, 0.001, payload_bytes=1_000_000)
    assert full == pytest.approx(1.25e9 / 2e6, rel=0.01)
    slow = Choice("manager", 0.0001, byte_s=1e-10)
    size = slow.network_from_bytes
    server_s, network_s = slow.demands_s(int(size))
    assert server_s == pytest.approx(network_s, rel=0.001)
    assert Choice("manager", 0.0001, byte_s=1e-9).network_from_bytes == math.inf
    assert Choice("several", 0.0001, 4).limit_per_s == pytest.approx(40_000)


@pytest.fixture(scope="module")
def team():
    """Lend a server and its workers."""
    with Team() as team:
        yield team


def test_an_error_is_that_of_one_moment():
    """A machine whose pace changes between the rounds makes no error of the model."""
    pairs = []
    for pace in (1.0, 2.0, 4.0, 8.0, 16.0):
        cost = Demand(0.0, computes=False, worker_s=1e-4 / pace, server_s=1e-4 / pace)
        rate, _ = simulate(cost, 4, float(os.cpu_count()))
        run = Run(Shift(4, 100), 400 / rate, 0.0, 1e-4, 1e-4, others=0.0)
        pairs.append((cost, run))
    point = scaling._point(4, pairs)
    assert abs(point.error) < 0.05
    late = [(cost, run) for (cost, _), (_, run) in itertools.pairwise(pairs)]
    assert abs(scaling._point(4, late).error) > 0.2


def test_model_is_near_what_is_measured(team):
    """With 1, 2, 4, 8 and 16 workers; a busy machine is part of the prediction."""
    errors = []
    for _ in range(3):  # while other tests run, a moment may be unlike the next
        found = check(team, "tasks that compute 2 ms", rounds=1, seconds=0.06)
        print(found.table())
        errors.append(found.middle)
        if errors[-1] < 0.3:
            break
    assert min(errors) < 0.3


def test_tasks_of_ten_milliseconds_keep_all_processors_busy(team):
    """In batches, through the manager, up to the number of processors."""
    shift = Shift(2, 10, 0.01, computes=True, batch_size=5)
    assert max(team.run(shift).busy for _ in range(2)) >= 0.9


def test_a_run_is_counted(team):
    """Its rate, its costs, and payloads that go both ways."""
    run = team.run(Shift(workers=2, tasks=40, payload_bytes=1000))
    assert run.rate_per_s == pytest.approx(80 / run.seconds)
    assert 0 < run.worker_s < 0.1
    cost = calibrate(team, scaling.KINDS["empty tasks"], 2, 0.02)
    assert cost.worker_s > 0
    assert cost.task_s == 0


def test_tables_and_pictures():
    """The words have the numbers, the errors and a doubt."""
    points = (Point(1, 100.0, 120.0, 130.0, 0.9), Point(16, 200.0, 190.0, 2000.0, 0.5))
    found = Check("empty tasks", WAITS, WAITS, points, others=0.0)
    assert (found.worst, found.middle) == pytest.approx((0.2, 0.125))
    assert found.table()[-1] == "  largest error 20%, median 12%"
    assert "100 with 1, 200 with 16, error 20%" in plot_checks([found]).alt
    choices = [Choice("manager", 0.0001), Choice("several servers", 0.0001, 4)]
    assert "several servers (4)" in plot_choices(choices).alt
    table = str(scale.choices_table(choices))
    assert "overflow-x:auto" in scale.choices_table(choices)._repr_html_()
    assert "A broker was not measured at all." in table
