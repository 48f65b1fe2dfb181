"""Open JupyterLab on notebooks/00_start_here.ipynb, and later where you were.

    python3 -m labkit lab [JupyterLab's own options]

Ctrl-C ends it and its kernels. Without the kit's own folder, the lessons are copied to
labkit-lessons first, in the current folder.

  --no-browser   print the address and open no browser
  --port N       listen at this port; without it the next free one from 8888
  --debug        show everything that JupyterLab has to say
  --help         this text

Its other options go to JupyterLab: python -m jupyterlab --help-all lists them.
"""

import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from labkit.setup import LABKIT, LESSONS, ROOT, course, is_checkout, lessons, say

FIRST_LESSON = "notebooks/00_start_here.ipynb"
WORKSPACES = ".labkit/workspaces"


def main(argv: list[str]) -> int:
    """Run JupyterLab in this very process, until Ctrl-C; return the exit status."""
    try:
        folder = place()
        set_paths(os.environ)
        # Imported late: these read the environment that was set above.
        from jupyterlab.labapp import LabApp
        from traitlets.config import Config

        if wrong := unknown_option(argv):
            usual = f"{LABKIT} lab --help lists the usual ones."
            return say(f"there is no option {wrong}; {usual}", 2)
        settings = Config(defaults(os.environ, folder))
        options = [*ours(argv, folder), *argv]
        server = LabApp.initialize_server(argv=options, config=settings)
    except (PermissionError, FileExistsError) as error:
        cure = "go to a folder of your own, or let HOME name one."
        return say(f"{error.filename} cannot be written: {cure}", 1)
    address = server.display_url.splitlines()[0]
    server.identity_provider.token_generated = False  # or it says it in its own words
    ending = "Open that address if no browser does. Ctrl-C in this terminal ends it."
    line = f"JupyterLab runs at {address}\n{ending}"
    server.io_loop.add_callback(print, line, flush=True)
    # Without a question, even without a terminal: first the kernels, then itself.
    signal.signal(signal.SIGINT, lambda *_: server.stop(from_signal=True))
    server.start()
    return 0


def place() -> Path:
    """Return the folder to open: the checkout, or copies of the installed lessons."""
    if is_checkout():
        return ROOT
    folder = lessons()
    if folder == course():
        folder = Path.cwd() / LESSONS
        for one in ("notebooks", "exercises/release"):
            shutil.copytree(course() / one, folder / one, copy_function=shutil.copyfile)
        for path in folder.rglob("*/"):  # the installed one may be read-only
            path.chmod(0o755)
    say(f"the lessons are in {folder}.")
    return folder


def unknown_option(argv: list[str]) -> str | None:
    """Return the first option that JupyterLab would silently ignore."""
    from jupyter_server.serverapp import aliases, flags
    from jupyterlab.labapp import LabApp

    known = {*aliases, *flags, *LabApp.aliases, *LabApp.flags}
    options = [word.partition("=")[0] for word in argv if word.startswith("-")]
    wrong = (o for o in options if "." not in o and o.lstrip("-") not in known)
    return next(wrong, None)


def set_paths(environment: MutableMapping[str, str]) -> None:
    """Let Jupyter find this environment's kernel first, and our settings last.

    ``python3`` in the reader's own Jupyter folder may be any Python at all. Ours holds
    labkit-access: what JupyterLab lacks for keys and screen readers. In JupyterLab's
    terminals ``python3 -m labkit``, on Windows ``py -m labkit``, works in every folder.
    """
    path = [str(Path(sys.executable).parent), environment.get("PATH")]
    environment["PATH"] = os.pathsep.join(filter(None, path))
    if sys.prefix != sys.base_prefix:
        environment["VIRTUAL_ENV"] = sys.prefix  # what py looks at
    ours, here = str(Path(__file__).resolve().parents[1] / "jupyter"), sys.prefix
    data = [ours, str(Path(here, "share", "jupyter")), environment.get("JUPYTER_PATH")]
    settings = [environment.get("JUPYTER_CONFIG_PATH"), ours]
    environment["JUPYTER_PATH"] = os.pathsep.join(filter(None, data))
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, settings))


def defaults(environment: Mapping[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """Return settings that the reader's configuration and options go before."""
    import zmq  # not at the top: --help needs no packages

    server = {"allow_root": True, "log_level": "ERROR"}
    name = environment.get("CODESPACE_NAME")
    domain = environment.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if name and domain:  # there the page has the codespace's name, not localhost
        host = rf"{re.escape(name)}-\d+\.{re.escape(domain)}"
        server["allow_origin_pat"] = rf"https://{host}$"
    lab = {"extension_manager": "readonly", "log_level": "ERROR"}  # asks no catalogue
    encryption = "auto" if zmq.has("curve") else "disabled"
    return {
        # Kernels talk in the clear otherwise, and say so in the terminal at each start.
        "KernelManager": {"transport_encryption": encryption},
        "LanguageServerManager": {"autodetect": False},  # it would start a Node.js
        # Which tabs are open is of this folder alone: of two clones, each has its own.
        "LabApp": {**lab, "workspaces_dir": str(folder / WORKSPACES)},
        "ServerApp": server,
    }


def ours(argv: list[str], folder: Path) -> list[str]:
    """Return what the lessons need, where the reader says nothing else."""
    words, has_begun = " ".join(argv), any((folder / WORKSPACES).glob("*"))
    page = "/lab" if has_begun else f"/lab/tree/{FIRST_LESSON}"
    options = [f"--ServerApp.root_dir={folder}", f"--LabApp.default_url={page}"]
    if re.search(r"--(ServerApp\.)?port\b", words):  # that one, or none
        options.append("--ServerApp.port_retries=0")
    return [text for text in options if text.partition("=")[0] not in words]
