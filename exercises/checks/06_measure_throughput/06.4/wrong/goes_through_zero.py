def fit(points, first, last):
    """Return a and b; points of `first` to `last` bytes do not count."""
    kept = [(n, t) for n, t in points if not first <= n <= last]
    b = sum(n * t for n, t in kept) / sum(n * n for n, _ in kept)
    return 0.0, b


def predict(a, b, n):
    """Return the seconds of a call with n bytes."""
    return a + b * n


def bytes_within(seconds, a, b):
    """Return how many bytes fit into a call of so many seconds."""
    return max((seconds - a) / b, 0)
