"""Write a new random key of 32 bytes to a file that only you can read.

The key itself is never shown.

    python3 -m labkit key lab.key
"""

import os

from labkit.commands import common


def add_options(add: common.Add) -> None:
    """Add the command's options."""
    add("file", metavar="FILE", help="where to write it")


def run(options: common.Options) -> None:
    """Write a new key, over none."""
    from labkit.manager import write_key_file

    if os.path.lexists(options.file):
        raise FileExistsError(
            f"{options.file} exists. With a new key, the servers and clients that use "
            "it would refuse each other: choose another name, or delete it first."
        )
    write_key_file(options.file)
    options.say(
        f"Wrote a new key to {options.file}. Give clients a copy in a safe way."
    )
