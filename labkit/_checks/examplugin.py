"""What pytest does for :mod:`.examiner`: lend the fixtures, report the checks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit._checks.examiner import own_traceback
from labkit._checks.plainserver import QueueServer
from labkit._checks.rig import Answer, AnswerError, StillRunningError

__all__ = ["Plugin"]


class Plugin:
    """A pytest plugin for one answer.

    Parameters
    ----------
    source : str
        The file that holds the answer.
    report : callable
        Called with the entries of each event.
    """

    def __init__(self, source: str, report: Callable[..., None]) -> None:
        self._source = source
        self._report = report

    def pytest_configure(self, config: pytest.Config) -> None:
        """Spare pytest the tracebacks that nobody is going to see."""
        config.option.tbstyle = "no"

    @pytest.fixture(scope="session")
    def server(self) -> Iterator[QueueServer]:
        """Lend one server to all checks of a task."""
        server = QueueServer()
        yield server
        server.kill()

    @pytest.fixture
    def doomed_server(self) -> Iterator[QueueServer]:
        """Lend a server that the check is going to kill."""
        server = QueueServer()
        yield server
        server.kill()

    @pytest.fixture
    def answer(self) -> Answer:
        """Load the answer anew, so that no check sees what another left."""
        return Answer(Path(self._source))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Report which check begins, in case none of it comes back."""
        self._report(state="started", check=nodeid.rsplit("::", maxsplit=1)[-1])

    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> None:
        """Report what became of a check."""
        error = call.excinfo.value if call.excinfo else None
        if error is None:
            if call.when == "call":
                self._report(state="passed", check=item.name)
            return
        self._report(
            state=_state(error),
            check=item.name,
            message=str(error) if isinstance(error, AssertionError) else repr(error),
            detail=own_traceback(error.__cause__, self._source)
            if error.__cause__
            else "",
        )
        if isinstance(error, AnswerError | StillRunningError):
            item.session.shouldstop = "every other check would end the same way"


def _state(error: BaseException) -> str:
    if isinstance(error, AnswerError):
        return "unloadable"
    return "failed" if isinstance(error, AssertionError) else "broken"
