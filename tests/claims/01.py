"""What the cells of lesson 01 must show."""

from tests.claims import claim

SHOWS = {
    "01-first-order": ["orders waiting: 1", "AutoProxy"],
    "01-callable-runs": ["first sees 1 and second sees 0"],
    "01-start-or-get-ends": [
        "children after get_server: 0",
        "children after start: 1",
        "original: 0 served: 1",
        "children after shutdown: 0",
    ],
    "01-port-taken-raises": ["OSError: ", "made the manager"],
    "01-interrupt": ["exit code: 0", "shutting down: False"],
    "01-source": [
        "sys.exit(0)",
        "sys.stdout = sys.__stdout__",
        "shutdown wants: (self, c)",
    ],
    "01-goodbye-checked": ["Not yet."],
    "01-mp-queue-hangs": ["Goodbye.", "mp_server still runs", "by force"],
    "01-shop-server-works": ["orders waiting: 1"],
    "01-clean-up-run": ["still running: []"],
}


@claim("01-lambda-fails")
def a_lambda_cannot_be_sent(shown):
    """A spawned child cannot be sent a lambda."""
    assert "exit code: 1" in shown
    assert "PicklingError" in shown
    assert "started" not in shown
