def fit(points, first, last):
    """Return a and b; points of `first` to `last` bytes do not count."""
    kept = [(n, t) for n, t in points if n < first]
    mean_n = sum(n for n, _ in kept) / len(kept)
    mean_t = sum(t for _, t in kept) / len(kept)
    above = sum((n - mean_n) * (t - mean_t) for n, t in kept)
    below = sum((n - mean_n) ** 2 for n, _ in kept)
    b = above / below
    return mean_t - b * mean_n, b


def predict(a, b, n):
    """Return the seconds of a call with n bytes."""
    return a + b * n


def bytes_within(seconds, a, b):
    """Return how many bytes fit into a call of so many seconds."""
    return max((seconds - a) / b, 0)
