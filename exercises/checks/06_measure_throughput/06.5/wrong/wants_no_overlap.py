import json


def ratios(text):
    """Return new divided by old, pair by pair."""
    runs = json.loads(text)
    return [new / old for old, new in zip(runs["old"], runs["new"])]


def verdict(text):
    """Return "faster", "slower" or "cannot tell"."""
    runs = json.loads(text)
    if min(runs["new"]) > max(runs["old"]):
        return "faster"
    if max(runs["new"]) < min(runs["old"]):
        return "slower"
    return "cannot tell"


def why():
    """Return "a", "b" or "c"."""
    return "b"
