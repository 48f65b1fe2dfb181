"""03.1: a program gets the key, and nobody else sees it."""

import json
import secrets
import subprocess
from pathlib import Path

from labkit.grader.fixtures import StopChecksError, points

PATIENCE_S = 3.0
PROGRAM = """
import json, os, sys
line = sys.stdin.readline().strip()
print(json.dumps([sys.argv[1:], list(os.environ.values()), line]))
"""


class _Clerk:
    """What the program that an answer has started saw."""

    def __init__(self, answer):
        Path("clerk.py").write_text(PROGRAM, encoding="utf-8")
        # Without quotes, so that its repr always begins with the same two signs.
        self.key = secrets.token_bytes(32).replace(b"'", b"k")
        self.call = answer.call("start", program="clerk.py", key=self.key)
        process = self.call.returns("It must not wait for the program.")
        assert isinstance(process, subprocess.Popen), (
            f"{self.call} returned a {type(process).__name__}; expected the Popen of the program. "
            "subprocess.run() waits for its end; Popen starts it, and goes on."
        )
        assert process.stdout, (
            f"{self.call} returned a Popen without its output; keep the argument "
            "stdout=subprocess.PIPE."
        )
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StopChecksError(
                f"The program that {self.call} had started was still waiting for its "
                f"first line after {PATIENCE_S:g} s; expected it to have the key. What "
                "is written stays in a buffer until flush() or close(), and a line "
                "ends with a line end."
            ) from None
        assert not process.stdout.closed, (
            f"{self.call} waited for the end of the program; expected it to return at "
            "once. communicate() sends, and then waits: write to stdin, and close it."
        )
        self.arguments, self.environment, self.line = json.load(process.stdout)
        process.stdout.close()


@points(1, "keeps the key out of the arguments and the environment")
def test_nothing_shows_it(answer):
    """The program looks at its own arguments, and at its environment."""
    clerk = _Clerk(answer)
    assert not any(clerk.key.hex() in argument for argument in clerk.arguments), (
        f"{clerk.call} started the program with the key among its arguments; expected "
        "it on the first line of its input. The list of processes shows arguments: "
        "take key.hex() out of the list."
    )
    assert not any(clerk.key.hex() in value for value in clerk.environment), (
        f"{clerk.call} put the key into the program's environment; expected it on the "
        "first line of its input. Each program inherits the environment of the one "
        "that starts it."
    )


@points(3, "hands it over on the first line of the input")
def test_key_arrives(answer):
    """The program reads its first line."""
    clerk = _Clerk(answer)
    found = f"a line that starts with {clerk.line[:2]!r}" if clerk.line else "nothing"
    assert clerk.line == clerk.key.hex(), (
        f"The program that {clerk.call} had started found {found} on its input; "
        "expected the key in hexadecimal, as key.hex() gives it. Give Popen "
        "stdin=subprocess.PIPE, and write to the stdin of what it returns."
    )
