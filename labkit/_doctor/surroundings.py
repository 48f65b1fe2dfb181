"""What is around the kit: the browser, and settings of the reader's own."""

__all__ = ["check_browser", "check_settings", "check_variables"]

import importlib.util
import os
import re
import sys
import webbrowser
from pathlib import Path

from labkit._doctor.findings import Check

# What Python finds on a machine without a screen; none of them runs JupyterLab.
TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m", "links2"}

# Variables that change what every Python of a lesson does, and what they break.
VARIABLES = {
    "PYTHONHOME": "programs find no standard library",
    "PYTHONOPTIMIZE": "no assert in a lesson checks anything",
    "PYTHONPATH": "modules in there go before the kit's",
}
# Settings of Jupyter that can keep a lesson from opening or from its kernel.
SETTINGS = (
    "allowed_kernelspecs|whitelist|kernel_spec_manager_class|kernel_manager_class"
    "|default_kernel_name|contents_manager_class|jpserver_extensions|base_url"
    "|certfile|port_retries|prefer_environment_over_user"
)
FILES = ("jupyter_server_config", "jupyter_lab_config", "jupyter_config")


def check_browser() -> Check:
    """Tell whether JupyterLab finds a browser to open."""
    if in_notebook():
        return Check("browser", "ok", "you are looking through it")

    try:
        name = getattr(webbrowser.get(), "name", "one of this system's")
    except webbrowser.Error:
        name = ""
    if name and name not in TEXT_BROWSERS:
        return Check("browser", "ok", name)
    found = f"only {name}, which shows text" if name else "none that opens by itself"
    todo = "open the address that labkit lab prints in a browser of yours"
    if os.environ.get("SSH_CONNECTION"):
        todo += ", after ssh -L 8888:localhost:8888 from its machine"
    return Check("browser", "warn", found, todo)


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    return "ipykernel.kernelapp" in sys.modules


def check_variables() -> Check:
    """Look for variables that change what every Python does."""
    there = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    if not there:
        return Check("variables", "ok", "none that changes Python's ways")
    name, value = next(iter(there.items()))
    found = f"{name} is {value}, so that {VARIABLES[name]}"
    undo = f"set {name}=" if os.name == "nt" else f"unset {name}"
    return Check("variables", "warn", found, f"{undo}, unless you need it")


def check_settings() -> Check:
    """Look for the reader's settings of Jupyter and IPython that get in the way."""
    if importlib.util.find_spec("jupyter_core") is None:
        return Check("settings", "ok", "no Jupyter yet")
    from jupyter_core import paths

    for path in _files(Path(paths.jupyter_config_dir())):
        text = path.read_text(encoding="utf-8", errors="replace")
        for name in re.findall(rf"^[^#\n]*\b({SETTINGS})\b", text, re.MULTILINE):
            found = f"{name} is set in {path}"
            todo = "if no lesson opens or none runs, move that file away"
            return Check("settings", "warn", found, todo)
    if started := sorted(_startup().glob("*.*py")):
        found = f"{started[0]} runs at the start of every lesson"
        return Check("settings", "warn", found, "if lessons fail, move it away")
    return Check("settings", "ok", "none of your own gets in the way")


def _files(folder: Path) -> list[Path]:
    paths = [folder / f"{name}{end}" for name in FILES for end in (".json", ".py")]
    return [path for path in paths if path.is_file()]


def _startup() -> Path:
    """Return the folder of IPython's own startup files, without loading IPython."""
    home = os.environ.get("IPYTHONDIR") or Path.home() / ".ipython"
    return Path(home, "profile_default", "startup")
