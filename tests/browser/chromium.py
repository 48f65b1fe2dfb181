"""Which browser there is, and how it is started: without a window or a network."""

import os
import shutil
import sys
from contextlib import contextmanager

FLAGS = [
    "--no-sandbox",  # root in a container has none; only the kit's pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    # Whatever a page asks for elsewhere fails, instead of depending on a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)


def find_browser():
    """Return the path of a Chromium, Chrome or Edge; LABKIT_BROWSER names another."""
    named = os.environ.get("LABKIT_BROWSER")
    return next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)


@contextmanager
def open_browser():
    """Give ``tools/`` a browser of Playwright, or end with a sentence."""
    from playwright.sync_api import sync_playwright

    if not (program := find_browser()):
        sys.exit("no browser was found: install Chromium or Chrome")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS)
