import os
import subprocess
import sys


def start(program, key):
    """Start a program that needs the key; return its Popen."""
    return subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KEY": key.hex()},
    )
