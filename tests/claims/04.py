"""What the cells of lesson 04 must show."""

from tests.claims import claim


@claim("04-forgot-connect")
def a_forgotten_connect_shows_at_the_first_call(shown):
    """Nothing is sent before connect(), so the first call of a name fails."""
    assert shown.error == "AssertionError"
    assert "not yet started" in shown.message


@claim("04-wrong-key")
def a_wrong_key_is_rejected_at_connect(shown):
    """The server refuses another key."""
    assert shown.error == "AuthenticationError"


@claim("04-no-server")
def nobody_listens(shown):
    """Connecting to a port where nobody listens is refused."""
    assert shown.error == "ConnectionRefusedError"


@claim("04-producer-ends")
def the_queue_outlives_the_producer(shown):
    """The producer has ended, and all its orders are in the server's queue."""
    assert "the producer ended with 0" in shown
    assert "orders in the queue: 10" in shown


@claim("04-consumer-ends")
def a_broad_except_makes_a_bug_look_like_success(shown):
    """The consumer loses one order, makes none and reports success."""
    assert "An error occurred: name 'time' is not defined" in shown
    assert "exit code: 0" in shown
    assert "orders in the queue: 9" in shown


@claim("04-imported")
def an_empty_queue_has_no_words(shown):
    """With the import all orders are made, and the error has no text."""
    assert "made 10 coffees" in shown
    assert "An error occurred: \n" in shown


@claim("04-empty-raises")
def get_raises_empty_without_a_text(shown):
    """The exception is queue.Empty, and its text is empty."""
    assert (shown.error, shown.message) == ("Empty", "")


@claim("04-mine-checked")
def the_copy_to_mend_is_broken(shown):
    """Nobody has mended the consumer yet."""
    assert "Not yet." in shown


@claim("04-timeout-guesses")
def a_timeout_mistakes_a_slow_start_for_the_end(shown):
    """The impatient consumer makes nothing of ten orders."""
    assert "made 0 coffees" in shown
    assert "orders that nobody makes: 10" in shown


@claim("04-sentinel-ends-both")
def a_sentinel_ends_every_consumer(shown):
    """Each order is made once, both consumers end, and one None stays."""
    assert [shown.count(f"making order {number}") for number in range(10)] == [1] * 10
    assert shown.count("the shop is closed") == 2
    assert "both ended with [0, 0]" in shown
    assert "left in the queue: 1" in shown


@claim("04-bounded-waits")
def a_full_queue_makes_put_wait(shown):
    """The fourth put waits until a consumer has made room."""
    assert "orders in the queue: 3" in shown
    assert "the producer is waiting: True" in shown
    assert "it ended with 0" in shown


@claim("04-clean-up-run")
def nothing_is_left_running(shown):
    """Every program of the lesson has ended."""
    assert "still running: []" in shown
