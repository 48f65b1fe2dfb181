from statistics import mean, median


def shortest(busy, lengths, repeats):
    """Return the shortest length from which on workers are busy."""
    found = None
    for length in sorted(lengths):
        if median(busy(length) for _ in range(repeats)) >= 0.9:
            return length
    return found
