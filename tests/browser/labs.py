"""JupyterLab as a learner has it, in a browser: a server, and a notebook in its page.

The server shows a copy of the course, because a lesson writes programs beside itself
and JupyterLab saves what is open. Used by the tests in this folder and by ``tools/``.
"""

import json
import os
import re
import secrets
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from labkit.supervised import Supervised

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0  # a machine that does much else; everything takes a second or two
LOOK_EVERY_MS = 100  # not whenever the page could be drawn: then it always is
COURSE = ("notebooks", "exercises/release")
LEFT_OUT = shutil.ignore_patterns("work", ".ipynb_checkpoints", "__pycache__")
FOREIGN = ("JUPYTER", "IPYTHON", "LABKIT_PROGRESS")  # somebody else's settings
FOLDERS = "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"
SETTINGS = {
    # What a run shows is not saved into the lesson unless a test saves it.
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    # Else JupyterLab takes cells that are scrolled away off the page.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


class Lab:
    """A running ``python -m labkit lab``; a context manager, ends with this process.

    JupyterLab shows its ``folder`` at its ``url``, to those who have the ``token``.
    """

    def __init__(self):
        self._home = tempfile.TemporaryDirectory(prefix="labkit-lab-")
        home = Path(self._home.name).resolve()
        self.folder, self.token = home / "course", secrets.token_hex(16)
        for place in COURSE:
            shutil.copytree(ROOT / place, self.folder / place, ignore=LEFT_OUT)
        for name in FOLDERS:
            (home / name).mkdir()
        self.set_settings({})
        self._said, self._told = "", threading.Event()
        command = [sys.executable, "-m", "labkit", "lab", "--no-browser"]
        command += ["--port=0", f"--ServerApp.root_dir={self.folder}"]
        command += ["--LabApp.expose_app_in_browser=True"]  # a page can be asked
        command += [f"--LabApp.workspaces_dir={home / 'workspaces'}"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        ours = {
            **{name: str(home / name) for name in FOLDERS},
            "JUPYTER_TOKEN": self.token,
            "LABKIT_PROGRESS": str(home / "progress"),
            # A kernel's debugger, asked after a restart, complains of Python itself.
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        self._program = Supervised(
            command, self._hear, lambda _: self._told.set(), cwd=ROOT, env=kept | ours
        )
        self._told.wait(PATIENCE_S)
        found = re.search(r"JupyterLab runs at (http://[^/\s]+)/", self._said)
        if not found:
            self.__exit__()
            raise RuntimeError(f"JupyterLab did not start; it said: {self._said}")
        self.url = found[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """End the server, its kernels and all they started; remove the copy."""
        self._program.end()
        self._home.cleanup()

    def _hear(self, text):
        self._said += text
        if "Ctrl-C" in self._said:  # the end of its announcement
            self._told.set()

    def set_settings(self, settings):
        """Replace JupyterLab's user settings: for each plug-in its values."""
        place = self.folder.parent / "JUPYTER_CONFIG_DIR" / "lab" / "user-settings"
        shutil.rmtree(place, ignore_errors=True)
        for plugin, values in {**SETTINGS, **settings}.items():
            package, _, name = plugin.partition(":")
            file = place / package / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")

    def write(self, notebook, *sources):
        """Write a notebook of code cells into the course; return its path there."""
        from nbformat import v4, write

        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
        cells = [v4.new_code_cell(source) for source in sources]
        book = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        write(book, self.folder / notebook)
        return notebook

    def ask(self, path, method="GET"):
        """Ask the server's programming interface; return the decoded answer."""
        key = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, None, key, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read() or "null")

    def end_kernels(self):
        """Shut down every kernel; fail if one leaves a learner's program running."""
        for kind in ("sessions", "kernels"):  # a session that ends ends its kernel
            for one in self.ask(f"/api/{kind}"):
                try:
                    self.ask(f"/api/{kind}/{one['id']}", "DELETE")
                except urllib.error.HTTPError as problem:
                    if problem.code != 404:  # else: it has just ended
                        raise
        started = psutil.Process(self._program.pid).children(recursive=True)
        _, left = psutil.wait_procs(started, timeout=30)
        assert not left, f"left running: {left}"


# What is asked inside the page: JupyterLab's own model, and its talk with a kernel. An
# error in a callback, a thread or a child is shown by no cell: only messages have it.
INSIDE = r"""window.labkit = (() => {
  const asked = new Map(), replied = new Set(), idle = new Set(), stray = [];
  let watched = null, restarts = 0, begun = false;
  const forget = () => [asked, replied, idle].forEach(each => each.clear());
  const panel = () => {
    const shell = window.jupyterapp?.shell;
    const open = shell ? [shell.currentWidget, ...shell.widgets('main')] : [];
    return open.find(w => w?.sessionContext && w.content?.widgets);
  };
  const hear = (_, {msg, direction}) => {
    const {header, content, parent_header: parent} = msg;
    if (direction === 'send') {
      if (header.msg_type === 'execute_request' && !content.silent)
        asked.set(header.msg_id, msg.metadata?.cellId);
      return;
    }
    const type = header.msg_type, id = parent?.msg_id;
    if (type === 'execute_reply') replied.add(id);
    if (type === 'status' && content.execution_state === 'idle') idle.add(id);
    if (type === 'execute_input') begun = true;
    // Before ipywidgets is imported a kernel complains that a page asks for widgets.
    if (type === 'stream' && content.name === 'stderr' &&
        (begun || !/^No such comm/.test(content.text)))
      stray.push('stderr: ' + content.text);
    if (type === 'error' && parent?.msg_type !== 'execute_request')
      stray.push(`callback: ${content.ename}: ${content.evalue}`);
  };
  const isReady = () => {
    const kernel = panel()?.sessionContext.session?.kernel;
    if (!kernel || !panel().context.isReady || !panel().sessionContext.isReady ||
        kernel.status !== 'idle' || kernel.connectionStatus !== 'connected' ||
        !panel().content.widgets.length) return false;
    if (kernel !== watched) {
      watched = kernel;
      begun = false;
      kernel.anyMessage.connect(hear);
      kernel.statusChanged.connect((_, status) => {
        if (status === 'restarting') { restarts += 1; begun = false; }
        if (/dead|autorestarting/.test(status)) stray.push('kernel: ' + status);
      });
    }
    return true;
  };
  return {
    isReady, stray, panel, forget,
    asked: () => asked.size,
    isDone: least => asked.size >= least && isReady() &&
      [...asked.keys()].every(id => replied.has(id) && idle.has(id)),
    waiting: () => [...asked].filter(([id]) => !replied.has(id)).map(pair => pair[1]),
    restarts: () => restarts,
    turnTo: path => {  // another notebook: JupyterLab itself is loaded already
      [...jupyterapp.shell.widgets('main')].forEach(w => w.dispose());
      forget();
      [watched, begun, stray.length] = [null, false, 0];
      jupyterapp.commands.execute('docmanager:open', {path});
    },
    cells: () => (panel()?.content.widgets ?? []).map(({model}) => ({
      id: model.id, type: model.type, source: model.sharedModel.getSource(),
      tags: model.getMetadata('tags') ?? [], count: model.executionCount,
      outputs: model.outputs?.toJSON() ?? [],
    })),
    order: name => {  // commands are for what is in front
      jupyterapp.shell.activateById(panel().id);
      jupyterapp.commands.execute(name);
    },
  };
})();"""
# JupyterLab asks for the debugger whenever a kernel is there; a restart cancels that.
OF_A_RESTART = "Could not restore the debugger state: Canceled future"


class Notebook:
    """A notebook in a page of Playwright, and what went wrong in it.

    A cell is named by its id, or by words at the beginning of its text.
    """

    def __init__(self, page, lab):
        self.page, self.lab, self._seen = page, lab, []
        self._least = 0  # how many runs of cells were asked for
        page.set_default_timeout(PATIENCE_S * 1000)
        page.add_init_script(INSIDE)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._seen.append(f"page: {error}"))
        page.on("request", lambda request: self._look(request.url))
        page.on("websocket", lambda socket: self._look(socket.url))

    def _hear(self, message):
        if message.type == "error" and OF_A_RESTART not in message.text:
            where = message.location["url"].partition("?")[0]  # the rest has the token
            self._seen.append(f"console: {where} {message.text}")

    def _look(self, url):
        parts = urlsplit(url)
        local = parts.hostname in {"127.0.0.1", "localhost"}
        if parts.scheme in {"http", "https", "ws", "wss"} and not local:
            self._seen.append(f"request to another machine: {url}")

    def open(self, path, *, width=1280, height=1000):
        """Open a notebook by its path in the course; wait until its kernel is ready.

        In a page that has one already it takes that one's place.
        """
        self.page.set_viewport_size({"width": width, "height": height})
        if self.page.url.startswith(self.lab.url):
            self._ask("turnTo", path)
            self._seen.clear()
            self._least = 0
        else:
            where = f"{self.lab.url}/lab/tree/{path}"
            self.page.goto(f"{where}?token={self.lab.token}&reset")
        self._wait("isReady")
        return self

    def reload(self):
        """Load the page again, with what was saved."""
        self.page.reload()
        self._wait("isReady")
        self._least = 0
        return self

    def cells(self):
        """Return each cell: id, type, source, tags, count, outputs (as in nbformat)."""
        return self._ask("cells")

    def find(self, name):
        """Return the number and the contents of a cell."""
        for number, cell in enumerate(self.cells()):
            if cell["id"] == name or cell["source"].startswith(name):
                return number, cell
        raise LookupError(f"the notebook has no cell {name!r}")

    def cell(self, name):
        """Return a locator of a cell, for clicks, keys and what is seen in it."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.find(name)[0])

    def select(self, name):
        """Make a cell the active one."""
        active = "n => { labkit.panel().content.activeCellIndex = n; }"
        self.page.evaluate(active, self.find(name)[0])
        return self

    def set_source(self, name, text):
        """Replace the text of a cell."""
        change = "([n, text]) => labkit.panel().content.widgets[n].model.sharedModel"
        self.page.evaluate(f"{change}.setSource(text)", [self.find(name)[0], text])
        return self

    def run_all(self):
        """Run all cells, as the menu does, and wait until the kernel has."""
        code = [c for c in self.cells() if c["type"] == "code" and c["source"].strip()]
        return self._run("notebook:run-all-cells", len(code))

    def run_cell(self, name):
        """Run one code cell, and wait until the kernel has."""
        self.select(name)
        return self._run("notebook:run-cell", 1)

    def _run(self, order, runs):
        self._least = self._ask("asked") + runs
        self._ask("order", order)
        return self.wait_idle()

    def wait_idle(self, more=0):
        """Wait until the kernel has answered everything (and `more` runs by keys)."""
        self._least += more
        self._wait("isDone", self._least)
        return self

    def until(self, condition):
        """Ask again and again until it is true, while the page lives on."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited too long; {self.problems()}"
            self.page.wait_for_timeout(50)

    def restart(self):
        """Restart the kernel, confirm that, and wait until it is ready again."""
        before = self._ask("restarts")
        self._ask("order", "notebook:restart-kernel")
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.page.wait_for_function("n => labkit.restarts() > n", arg=before)
        self._wait("isReady")
        self._ask("forget")
        self._least = 0
        return self

    def save(self):
        """Save; return the notebook as the file has it then."""
        context = "labkit.panel().context"
        path = self.page.evaluate(f"() => {context}.save().then(() => {context}.path)")
        return json.loads((self.lab.folder / path).read_text(encoding="utf-8"))

    def problems(self):
        """Return what went wrong: a sentence each."""
        shown = [
            f"cell {cell['id']}: {output['ename']}: {output['evalue']}"
            for cell in self.cells()
            if "raises-exception" not in cell["tags"]
            for output in cell["outputs"]
            if output["output_type"] == "error"
        ]
        return [*self._seen, *self.page.evaluate("labkit.stray"), *shown]

    def _ask(self, name, argument=None):
        return self.page.evaluate(f"argument => labkit.{name}(argument)", argument)

    def _wait(self, name, argument=None):
        from playwright.sync_api import TimeoutError as TooLong

        try:
            asked = f"argument => window.labkit?.{name}(argument)"
            self.page.wait_for_function(asked, arg=argument, polling=LOOK_EVERY_MS)
        except TooLong as problem:
            waiting = self.page.evaluate("window.labkit?.waiting() ?? []")
            problem.add_note(f"cells without an answer: {waiting}; {self.problems()}")
            raise
