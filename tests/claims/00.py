"""What the cells of lesson 00 must show."""

from tests.claims import claim


@claim("00-first-put")
def a_letter_waits_in_the_server(shown):
    """The notebook's letter is in the queue."""
    assert "letters in the queue: 1" in shown


@claim("00-reader-ends")
def the_reader_took_the_letter(shown):
    """The program got the letter, and the queue is empty."""
    assert "Got a letter from the notebook" in shown
    assert "the reader ended with 0" in shown
    assert "letters in the queue: 0" in shown


@claim("00-stranger-ends")
def programs_share_no_variables(shown):
    """Another program does not see the notebook's variable."""
    assert "sees letters: False" in shown


@claim("00-inherit-raises")
def a_queue_cannot_be_sent(shown):
    """multiprocessing.Queue is shared through inheritance only."""
    assert shown.error == "RuntimeError"
    assert "through inheritance" in shown.message


@claim("00-error-raises")
def a_message_names_what_is_missing(shown):
    """The message names the program, and what there is."""
    assert "nobody" in shown.message
    assert "reader" in shown.message


@claim("00-progress-run")
def progress_lists_the_course(shown):
    """The table shows what is done, what comes next, lessons and exercises."""
    assert "tasks done" in shown
    assert "Next: [lesson 00" in shown
    assert "04_produce_and_consume.ipynb" in shown


@claim("00-clean-up-run")
def nothing_is_left_running(shown):
    """Every program of the lesson has ended."""
    assert "still running: []" in shown
