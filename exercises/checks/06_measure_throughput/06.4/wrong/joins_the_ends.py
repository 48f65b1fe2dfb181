def fit(points, first, last):
    """Return a and b; points of `first` to `last` bytes do not count."""
    kept = [(n, t) for n, t in points if not first <= n <= last]
    (n, t), (more, longer) = kept[0], kept[-1]
    b = (longer - t) / (more - n)
    return t - b * n, b


def predict(a, b, n):
    """Return the seconds of a call with n bytes."""
    return a + b * n


def bytes_within(seconds, a, b):
    """Return how many bytes fit into a call of so many seconds."""
    return max((seconds - a) / b, 0)
