"""Where this machine keeps a browser that can be driven."""

import os
import shutil
import sys
from pathlib import Path

__all__ = ["find_browser"]

_COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
# Systems on which a browser is an application, and no command.
_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_WINDOWS = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
_WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")


def find_browser() -> Path | None:
    """Find a Chromium, Chrome or Edge.

    Returns
    -------
    pathlib.Path or None
        The one that the environment variable ``LABKIT_BROWSER`` names, a path or a
        command; else the first of the usual commands and places; None if there is
        none, or the variable names none.
    """
    if named := os.environ.get("LABKIT_BROWSER"):
        found = shutil.which(named)
        return Path(found) if found else None
    for command in _COMMANDS:
        if found := shutil.which(command):
            return Path(found)
    return next((path for path in _applications() if path.is_file()), None)


def _applications() -> list[Path]:
    if sys.platform == "darwin":
        return [Path(path) for path in _MACOS]
    roots = [os.environ.get(name) for name in _WINDOWS_ROOTS]
    return [Path(root, path) for root in roots if root for path in _WINDOWS]
