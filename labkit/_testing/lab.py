"""Open JupyterLab on the first lesson: ``python -m labkit lab``.

JupyterLab runs in this very process, so that Ctrl-C, the exit status and the end of
the terminal are its own. The reader's Jupyter configuration is honoured; ours lies
below it, but for the folder it opens and the page it shows.
"""

__all__ = ["main"]

import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from labkit._checks.bookkeeping import Progress

ROOT = Path(__file__).resolve().parents[2]
FIRST_LESSON = "notebooks/00_start_here.ipynb"

HELP = f"""\
Usage: python -m labkit lab [JupyterLab's own arguments]

Opens JupyterLab on {FIRST_LESSON}, and later, when you have
begun, with the notebooks that you had open. Ctrl-C ends it and its kernels.

  --no-browser   print the address and open no browser
  --port N       listen at this port; without it the next free one from 8888
  --debug        show everything that JupyterLab has to say
  --help         this text

Every other argument goes to JupyterLab: python -m jupyterlab --help lists them."""


def main(argv: list[str]) -> int:
    """Run JupyterLab until Ctrl-C.

    Parameters
    ----------
    argv : list of str
        Arguments for JupyterLab.

    Returns
    -------
    int
        The exit status: 0, or 1 when the port that was asked for is taken.
    """
    if "--help" in argv or "-h" in argv:
        print(HELP)
        return 0
    asked = asked_port(argv)
    if asked and not is_free(*asked):
        text = "choose another, or leave --port out and the next free one is taken."
        return refuse(f"port {asked[1]} is in use: {text}")
    set_paths(os.environ)
    # Imported late: these read the environment that was set above.
    from jupyterlab.labapp import LabApp
    from traitlets.config import Config

    try:
        server = LabApp.initialize_server(
            argv=arguments(argv), config=Config(defaults())
        )
    except PermissionError as problem:
        text = "let HOME name a folder of your own and run the same command again."
        return refuse(f"JupyterLab cannot write {problem.filename}: {text}")
    if server.port_retries and not server.sock:
        take_port(server)
    server.io_loop.add_callback(print, announcement(server), flush=True)
    # Without a question, and also without a terminal: first the kernels, then itself.
    signal.signal(signal.SIGINT, lambda *_: server.stop(from_signal=True))
    server.start()
    return 0


def refuse(sentence: str) -> int:
    """Say why JupyterLab does not start; return the exit status."""
    print(f"labkit: {sentence}", file=sys.stderr)
    return 1


def asked_port(argv: list[str]) -> tuple[str, int] | None:
    """Return the address and port that the arguments insist on, if they do."""
    options = dict(re.findall(r"--(?:ServerApp\.)?(ip|port)[= ](\S+)", " ".join(argv)))
    port = options.get("port", "0")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return None  # JupyterLab says itself what a port is
    return options.get("ip", "127.0.0.1"), int(port)


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen there."""
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False


def take_port(server: Any) -> None:
    """Bind the server's port now, or the next free one, and keep it.

    JupyterLab has looked for a free port, and binds it only when all is ready: where
    several labs start at once, another one would have it by then.
    """
    from tornado.netutil import bind_sockets

    sockets = []
    for port in range(server.port, min(server.port + 100, 65536)):
        with contextlib.suppress(OSError):
            sockets = bind_sockets(port, server.ip)
            server.port = port
            break
    if sockets:  # else JupyterLab says itself what is wrong
        http = server.http_server
        http.listen = lambda *_, **__: http.add_sockets(sockets)


def set_paths(environment: MutableMapping[str, str]) -> None:
    """Let Jupyter find this environment's kernel first, and the kit's settings last.

    Parameters
    ----------
    environment : mutable mapping of str to str
        What the server and its kernels inherit, changed in place.

    Notes
    -----
    ``python3`` in the reader's own Jupyter folder may be any Python at all, and
    Jupyter prefers it outside a virtual environment.
    """
    kernels = str(Path(sys.prefix, "share", "jupyter"))
    settings = str(Path(__file__).resolve().parents[1] / "jupyter")
    known = environment.get("JUPYTER_PATH")
    # Ours holds labkit-access: what JupyterLab lacks for keys and screen readers. It
    # comes first, for an installation has a copy, perhaps an old one.
    _join(environment, "JUPYTER_PATH", settings, kernels, known)
    known = environment.get("JUPYTER_CONFIG_PATH")
    _join(environment, "JUPYTER_CONFIG_PATH", known, settings)


def _join(environment: MutableMapping[str, str], name: str, *paths: str | None) -> None:
    environment[name] = os.pathsep.join(path for path in paths if path)


def defaults() -> dict[str, dict[str, Any]]:
    """Return settings that the reader's configuration and arguments go before."""
    import zmq  # not at the top: --help needs no packages

    # Kernels talk in the clear otherwise, and say so in the terminal at each start.
    curve = "auto" if zmq.has("curve") else "disabled"
    server = {"allow_root": True, "log_level": "ERROR"}
    return {
        "KernelManager": {"transport_encryption": curve},
        # Not looked for: that starts Node.js, where there is one.
        "LanguageServerManager": {"autodetect": False},
        # Nothing is asked outside the machine: no catalogue of extensions.
        "LabApp": {"extension_manager": "readonly", "log_level": "ERROR"},
        "ServerApp": {**server, **behind_a_codespace(os.environ)},
    }


def behind_a_codespace(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the setting without which a codespace's page reaches no kernel.

    There the page comes from the codespace's own name, and the server is localhost.
    """
    name = environment.get("CODESPACE_NAME")
    domain = environment.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    if not (name and domain):
        return {}
    host = rf"{re.escape(name)}-\d+\.{re.escape(domain)}"
    return {"allow_origin_pat": rf"https://{host}$"}


def arguments(argv: list[str]) -> list[str]:
    """Return JupyterLab's arguments: what the lessons need, then the reader's own."""
    ours = (f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={first_page()}")
    # JupyterLab refuses an argument that is given twice.
    return [
        *(text for text in ours if text.partition("=")[0] not in " ".join(argv)),
        *(["--ServerApp.port_retries=0"] if asked_port(argv) else []),
        *argv,
    ]


def first_page() -> str:
    """Return what to open: lesson 00, or JupyterLab's own workspace after that."""
    begun = Progress().path.exists() or not (ROOT / FIRST_LESSON).exists()
    return "/lab" if begun else f"/lab/tree/{FIRST_LESSON}"


def announcement(server: Any) -> str:
    """Return the lines that tell the reader where JupyterLab is.

    The server's own announcement, longer and with a second address, is turned off.
    """
    address = server.display_url.splitlines()[0]
    server.identity_provider.token_generated = False
    return (
        f"JupyterLab runs at {address}\n"
        "Open that address if no browser does. Ctrl-C in this terminal ends it."
    )
