def figures():
    """Say what each story's figure is: too high, too low, or right."""
    return {
        "the clock stops after the last put": "too high",
        "the clock starts before the consumer's process": "too low",
        "the clock starts at a barrier, stops at the consumer": "right",
        "the same letter is put 1,000 times": "right",
        "one list holds the same letter 1,000 times": "right",
        "20 calls over TCP, without a warm-up": "too low",
        "of ten repeats the best is told": "too high",
    }
