"""A class graded on Dask: no submission is lost, whatever dies."""

import asyncio
import os
from pathlib import Path

import pytest
from classroom import Classroom

from labkit._grading.daskfarm import DaskFarm
from labkit._grading.marking import Job, digest_of_checks, mark
from labkit.errors import ExerciseError
from labkit.grader.tasks import find_task
from labkit.jobs import dask_client


@pytest.fixture(scope="module", autouse=True)
def _offload():
    """Start the thread that distributed keeps for good."""
    from distributed.utils import offload

    asyncio.run(offload(bool))


def mark_after_a_death(job):
    """End the process that is given the first job; a second one finds the marker."""
    marker = Path(os.environ["LABKIT_MARKER"])
    if not marker.exists():
        marker.touch()
        os._exit(9)
    return mark(job)


@pytest.fixture
def room(tmp_path):
    """Return a class with a student who has written one answer."""
    room = Classroom(tmp_path / "submitted", "11_outgrow_the_manager")
    room.hand_in("ada", {"11.2": room.solutions["11.2"]})
    return room


def test_a_worker_that_dies_loses_no_submission(room, tmp_path, monkeypatch):
    """The only process dies of the answer; the one that takes its place grades it."""
    monkeypatch.setenv("LABKIT_MARKER", str(tmp_path / "marker"))
    digest = digest_of_checks(find_task("11.2"))
    job = Job("ada's", "11.2", room.solutions["11.2"], digest)
    with dask_client(workers=1) as client:
        address = client.scheduler.address
        (graded,) = DaskFarm(address, do=mark_after_a_death).run([job], bool)
    assert (tmp_path / "marker").exists()
    assert (graded.job_id, graded.points) == ("ada's", 5)


class KilledWorker(Exception):  # noqa: N818 - as Dask calls it
    """What Dask says of a task of which four processes died."""


def test_an_answer_that_kills_them_all_is_graded_here(monkeypatch):
    """Nobody is left without points; errors of the checks are the grader's to hear."""
    job = Job("id", "11.2", "", "")
    monkeypatch.setattr("labkit._grading.daskfarm.mark", lambda job: f"graded {job.id}")
    farm = DaskFarm("tcp://127.0.0.1:1")
    assert farm._once_more(job, KilledWorker()) == "graded id"
    with pytest.raises(ExerciseError):
        farm._once_more(job, ExerciseError("other checks"))
