"""Write a new random key of 32 bytes to a file that only you can read.

The key itself is never shown.

    python -m labkit key lab.key
"""

import argparse
import os

from labkit.commands import common
from labkit.setup import say


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser("key", __doc__)
    parser.add_argument("file", metavar="FILE", help="where to write it")
    parser.add_argument("--force", action="store_true", help="replace an old key")
    return parser.run(_key, argv)


def _key(options: argparse.Namespace) -> int:
    from labkit.manager import keys

    if os.path.lexists(options.file) and not options.force:
        raise FileExistsError(
            f"{options.file} exists. With a new key, the servers and clients that use "
            "it would refuse each other: choose another name, or pass --force."
        )
    keys.write_key_file(options.file)
    sentence = f"Wrote a new key to {options.file}. Give clients a copy in a safe way."
    return say(sentence, common.DONE, "labkit key")
