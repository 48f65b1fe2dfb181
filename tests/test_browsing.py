"""Which browser is found, and what counts as a problem: all that needs no browser."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit._browsing import browsers, finding
from labkit._browsing.problems import Problem, Watch, shown_errors
from labkit.browsing import Browser, find_browser
from labkit.errors import BrowserError


@pytest.fixture
def nowhere(monkeypatch):
    """Be on a machine without any browser."""
    monkeypatch.delenv("LABKIT_BROWSER", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(finding, "_applications", list)


def test_named_browser_is_taken(monkeypatch):
    """LABKIT_BROWSER goes before everything; a name that is none gives none."""
    monkeypatch.setenv("LABKIT_BROWSER", sys.executable)
    assert find_browser() == Path(sys.executable)
    monkeypatch.setenv("LABKIT_BROWSER", "no-such-browser")
    assert find_browser() is None


@pytest.mark.usefixtures("nowhere")
def test_usual_commands_come_before_applications(monkeypatch, tmp_path):
    """A command is found by its name, an application where its system keeps it."""
    application = tmp_path / "chrome.exe"
    application.touch()
    monkeypatch.setattr(
        finding, "_applications", lambda: [tmp_path / "none", application]
    )
    assert find_browser() == application
    monkeypatch.setattr(shutil, "which", {"msedge": "bin/msedge"}.get)
    assert find_browser() == Path("bin/msedge")


@pytest.mark.usefixtures("nowhere")
def test_no_browser_is_said():
    """Without a browser the message says what to install, and how to name one."""
    with pytest.raises(BrowserError, match=r"install Chromium .* LABKIT_BROWSER"):
        browsers.Browser()
    assert Browser is browsers.Browser


def test_only_errors_that_are_not_announced_are_problems():
    """A cell with the tag raises-exception may fail; another may not."""
    error = {"output_type": "error", "ename": "Empty", "evalue": "no item"}
    wanted = {"id": "a", "tags": ["raises-exception"], "outputs": [error]}
    unwanted = {"id": "b", "tags": [], "outputs": [{"output_type": "stream"}, error]}
    assert list(shown_errors([wanted, unwanted])) == [
        Problem("cell", "b", "Empty: no item")
    ]


def test_requests_elsewhere_and_console_errors_are_problems():
    """What a page asks of another machine is seen; a token in an address is not."""
    handlers = {}
    watch = Watch(SimpleNamespace(on=handlers.__setitem__, url="http://localhost/lab"))
    for url in ("http://localhost:8888/lab?token=a", "data:image/png;base64,AA"):
        handlers["request"](SimpleNamespace(url=url))
    handlers["websocket"](SimpleNamespace(url="ws://127.0.0.1:8888/api"))
    assert watch.seen == []
    handlers["request"](SimpleNamespace(url="https://example.org/a?token=b"))
    where = {"url": "http://localhost/x?token=c"}
    for kind in ("warning", "error"):
        said = SimpleNamespace(type=kind, text="oh", location=where)
        handlers["console"](said)
    handlers["pageerror"](ValueError("null"))
    assert [(one.kind, one.where) for one in watch.seen] == [
        ("request", "https://example.org/a"),
        ("console", "http://localhost/x"),
        ("page", "http://localhost/lab"),
    ]
