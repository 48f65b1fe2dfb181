"""Answers that attack the grader: what each tries, and how the report names it.

All of them are answers to task 04.1.
"""

import os

from labkit.grader.tasks import EXERCISES

SOURCE = (
    EXERCISES / "source" / "04_produce_and_consume" / "04_produce_and_consume.ipynb"
)

CROWD_SLEEPS = f"98765.{os.getpid()}"  # seconds; told apart from another run's

STEALS = f"""
import json
book = json.load(open({str(SOURCE)!r}))
cells = ["".join(cell["source"]) for cell in book["cells"]]
exec(next(c for c in cells if c.startswith("%%answer 04.1")).partition("\\n")[2])
"""

STEALS_BY_PROGRAM = f"""
import json, subprocess
done = subprocess.run(["cat", {str(SOURCE)!r}], stdout=subprocess.PIPE)
cells = ["".join(cell["source"]) for cell in json.loads(done.stdout)["cells"]]
exec(next(c for c in cells if c.startswith("%%answer 04.1")).partition("\\n")[2])
"""

PATCHES = """
import labkit.grader.fixtures, labkit.grader.runner, _pytest.runner, builtins
labkit.grader.fixtures.Call.returns = lambda *_, **__: None
labkit.grader.fixtures.Call.ends = lambda self, *_, **__: self
labkit.grader.fixtures.Call.ended_within = lambda *_: False
labkit.grader.runner._Reporter.pytest_runtest_makereport = lambda *_: None
_pytest.runner.check_interactive_exception = lambda *_: False
builtins.AssertionError = KeyError
def consume(orders, handle, idle_s):
    pass
"""

CROWD = f"""
import subprocess
if __name__ == "__main__":  # as in the notebook; not again for each check
    for _ in range(200):
        subprocess.Popen(["sleep", {CROWD_SLEEPS!r}], start_new_session=True)
"""

FILLS_A_FILE = """
try:
    with open("large", "wb") as file:
        for _ in range(1000):
            file.write(bytes(1_000_000))
except OSError:
    pass
"""

FILLS_THE_DISK = """
import threading
for number in range(20):
    with open(f"large {number}", "wb") as file:
        file.write(bytes(50_000_000))
threading.Event().wait(4)
"""

KILLS = """
import os, signal
try:
    os.kill(os.getppid(), signal.SIGKILL)
except PermissionError:
    pass
"""

KILLS_IN_C = """
import ctypes, os
ctypes.CDLL(None).kill(os.getppid(), 9)
"""

KILLS_ALL = f"""
import os, signal, subprocess
subprocess.Popen(["sleep", {CROWD_SLEEPS!r}], start_new_session=True)
os.kill(os.getppid(), signal.SIGKILL)
signal.pause()
"""

PRIES = """
import os
print(os.environ, open("/proc/self/environ").read())
"""

SLEEPS = """
import time
time.sleep(1000)
"""

# The attack, whether a right answer follows it, its points, and how it is named.
HOSTILE = {
    "open": (STEALS, False, 0, "tried to open"),
    "cat": (STEALS_BY_PROGRAM, False, 0, "started a program on"),
    "patch": (PATCHES, False, 0, "changed what examines it"),
    "crowd": (CROWD, True, 5, "left 200 processes running"),
    "file": (FILLS_A_FILE, True, 5, "filled a file: refused"),
    "disk": (FILLS_THE_DISK, True, 0, "more than 200 MB"),
    "kill": (KILLS, True, 5, "tried to kill the process that examines it"),
    "kill-in-c": (KILLS_IN_C, True, 5, "the C function kill()"),
    "sleep": (SLEEPS, True, 0, "did not end in 5 s"),
}
