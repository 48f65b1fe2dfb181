"""Write a new random key of 32 bytes to a file that only you can read.

The key itself is never shown.

    python -m labkit key lab.key
"""

import argparse
import os

from labkit.commands import common


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser("key", __doc__)
    parser.add_argument("file", metavar="FILE", help="where to write it")
    return parser.run(_key, argv)


def _key(options: argparse.Namespace) -> None:
    from labkit.manager import write_key_file

    if os.path.lexists(options.file):
        raise FileExistsError(
            f"{options.file} exists. With a new key, the servers and clients that use "
            "it would refuse each other: choose another name, or delete it first."
        )
    write_key_file(options.file)
    new = f"Wrote a new key to {options.file}."
    options.say(f"{new} Give clients a copy in a safe way.")
