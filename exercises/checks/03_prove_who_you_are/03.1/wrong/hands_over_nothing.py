import subprocess
import sys


def start(program, key):
    """Start a program that needs the key; return its Popen."""
    return subprocess.Popen(
        [sys.executable, program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
