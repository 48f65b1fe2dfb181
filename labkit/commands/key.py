"""``python -m labkit key``: make a key for a server and its clients."""

import os

from labkit.commands import common


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = common.Parser(
        "key",
        "Write a new random key of 32 bytes to a file that only you can read.\n"
        "The key itself is never shown.",
        "python -m labkit key lab.key",
    )
    parser.add_argument("file", metavar="FILE", help="where to write it")
    parser.add_argument("--force", action="store_true", help="replace an old key")
    options = parser.parse_args(argv)
    return common.run("key", lambda: _key(options.file, options.force))


def _key(path: str, force: bool) -> int:
    from labkit.manager import keys

    if os.path.lexists(path) and not force:
        raise FileExistsError(
            f"{path} exists. With a new key, the servers and clients that use it would "
            "refuse each other: choose another name, or pass --force."
        )
    keys.write_key_file(path)
    common.say("key", f"Wrote a new key to {path}. Give clients a copy in a safe way.")
    return common.DONE
