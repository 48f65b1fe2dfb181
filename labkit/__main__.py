"""The command line: ``python3 -m labkit`` lists the commands.

This file runs before anything is installed, on whatever Python the machine calls
``python3``: it uses the standard library alone, and Python 3.6 must be able to read
it as far as the sentence that names the Python it needs.
"""

import importlib
import sys

OLDEST = (3, 11)  # pyproject.toml says the same; a test compares the two

if sys.version_info < OLDEST:
    found, needed = (f"{v[0]}.{v[1]}" for v in (sys.version_info, OLDEST))
    words = " ".join([f"python{needed} -m labkit", *sys.argv[1:]])
    sys.stderr.write(
        f"labkit: this is Python {found}, and the kit needs Python {needed} or newer: "
        "install one from https://www.python.org/downloads/ or your system's packages, "
        f"then type its name: {words}\n"
    )
    sys.exit(2)

# A command's module, the extras its packages come from, and what it does. Extras of
# None: the command runs on the standard library, without the set-up.
COMMANDS = {
    "lab": ("commands.lab", (), "open JupyterLab on the first lesson"),
    "test": ("commands.test", ("test",), "run every test, notebook and exercise"),
    "doctor": ("commands.doctor", None, "is this machine fit, is anything left over"),
    "exercises": ("commands.exercises", (), "make the learners' copies of them"),
    "grade": ("commands.grade", (), "grade the exercises of a whole class"),
    "progress": ("commands.progress", None, "show what is done, and what is next"),
    "serve": ("commands.serve", None, "run a queue server in this terminal"),
    "key": ("commands.key", None, "make the key that a server and its clients share"),
    "produce": ("commands.produce", None, "put lines of JSON into a queue"),
    "consume": ("commands.consume", None, "print a queue's items as lines of JSON"),
    "bench": ("commands.bench", (), "measure proxied queues against direct ones"),
    "master": ("commands.master", None, "hand out tasks, print what became of them"),
    "worker": ("commands.worker", None, "do the tasks of a master"),
    "run": ("commands.run", (), "do the jobs of a file, on the engine of your choice"),
}


def main(argv: "list[str] | None" = None) -> int:  # noqa: PLR0911 - ways to end
    """Run one command; return its exit status, or 2 if there is no such command."""
    from labkit import setup

    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in {"-h", "--help", "help"}:
        rows = "\n".join(f"  {name:<10} {row[2]}" for name, row in COMMANDS.items())
        print(
            f"Usage: {setup.LABKIT} COMMAND [arguments]\n\n{rows}\n\n"
            "The first lab or test makes .venv in this folder: the kit's own packages.\n"
            f"{setup.LABKIT} COMMAND --help says more about one command."
        )
        return 0
    if argv[0] not in COMMANDS:
        hint = f"{setup.LABKIT} lists them all."
        return setup.say(f"there is no command '{argv[0]}'; {hint}", 2)
    module, extras, _ = COMMANDS[argv[0]]
    try:
        if extras is not None:
            more = ("browser", "lint") if argv[0] == "test" and "--all" in argv else ()
            status = setup.run_in_venv(argv, (*extras, *more))
            if status is not None:
                return status
        command = importlib.import_module("labkit." + module)
        if hasattr(command, "run"):
            from labkit.commands.common import Parser

            return Parser(command).run(argv[1:])
        if {"-h", "--help"} & {*argv}:  # of lab and test, whose words go further
            print(command.__doc__)
            return 0
        return int(command.main(argv[1:]))
    except KeyboardInterrupt:
        return 130  # what a shell reports after Ctrl-C


if __name__ == "__main__":
    sys.exit(main())
