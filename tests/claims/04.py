"""What the cells of lesson 04 must show."""

from tests.claims import claim

SHOWS = {
    "04-forgot-connect": ["AssertionError: ", "not yet started"],
    "04-wrong-key": ["AuthenticationError: "],
    "04-no-server": ["ConnectionRefusedError: "],
    "04-producer-ends": ["the producer ended with 0", "orders in the queue: 10"],
    "04-consumer-ends": [
        "An error occurred: name 'time' is not defined",
        "exit code: 0",
        "orders in the queue: 9",
    ],
    "04-imported": ["made 10 coffees", "An error occurred: \n"],
    "04-mine-checked": ["Not yet."],
    "04-timeout-guesses": ["made 0 coffees", "orders that nobody makes: 10"],
    "04-bounded-waits": [
        "orders in the queue: 3",
        "the producer is waiting: True",
        "with a consumer: all orders sent",
    ],
    "04-clean-up-run": ["still running: []"],
}


@claim("04-empty-raises")
def get_raises_empty_without_a_text(shown):
    """The exception is queue.Empty, and its text is empty."""
    assert (shown.error, shown.message) == ("Empty", "")


@claim("04-sentinel-ends-both")
def a_sentinel_ends_every_consumer(shown):
    """Each order is made once, both consumers end, and one None stays."""
    assert [shown.count(f"making order {number}") for number in range(10)] == [1] * 10
    assert shown.count("the shop is closed") == 2
    assert "both ended with [0, 0]" in shown
    assert "left in the queue: 1" in shown
