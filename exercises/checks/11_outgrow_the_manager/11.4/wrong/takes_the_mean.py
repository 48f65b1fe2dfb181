from statistics import mean, median


def shortest(busy, lengths, repeats):
    """Return the shortest length from which on workers are busy."""
    found = None
    for length in sorted(lengths, reverse=True):
        if mean(busy(length) for _ in range(repeats)) < 0.9:
            return found
        found = length
    return found
