import subprocess
import sys


def start(program, key):
    """Start a program that needs the key; return its Popen."""
    started = subprocess.Popen(
        [sys.executable, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    started.stdin.write(f"{key}\n")
    started.stdin.close()
    return started
