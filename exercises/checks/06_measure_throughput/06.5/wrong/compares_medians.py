import json
from statistics import median


def ratios(text):
    """Return new divided by old, pair by pair."""
    runs = json.loads(text)
    return [new / old for old, new in zip(runs["old"], runs["new"])]


def verdict(text):
    """Return "faster", "slower" or "cannot tell"."""
    runs = json.loads(text)
    if len(runs["new"]) < 5:
        return "cannot tell"
    ratio = median(runs["new"]) / median(runs["old"])
    return "faster" if ratio > 1 else "slower"


def why():
    """Return "a", "b" or "c"."""
    return "b"
