"""What the cells of lesson 00 must show."""

SHOWS = {
    "00-first-put": ["letters in the queue: 1"],
    "00-reader-ends": [
        "Got a letter from the notebook",
        "the reader ended with 0",
        "letters in the queue: 0",
    ],
    "00-stranger-ends": ["sees letters: False"],
    "00-inherit-raises": ["RuntimeError: ", "through inheritance"],
    "00-error-raises": ["nobody", "reader"],
    "00-progress-run": ["tasks done", "Next: [", "04_produce_and_consume.ipynb"],
    "00-clean-up-run": ["still running: []"],
}
