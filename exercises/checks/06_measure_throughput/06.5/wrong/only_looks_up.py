import json


def ratios(text):
    """Return new divided by old, pair by pair."""
    runs = json.loads(text)
    return [new / old for old, new in zip(runs["old"], runs["new"])]


def verdict(text):
    """Return "faster", "slower" or "cannot tell"."""
    found = ratios(text)
    if len(found) < 5:
        return "cannot tell"
    if all(ratio > 1 for ratio in found):
        return "faster"
    return "cannot tell"


def why():
    """Return "a", "b" or "c"."""
    return "b"
