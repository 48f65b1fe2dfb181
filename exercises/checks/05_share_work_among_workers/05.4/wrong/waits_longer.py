import queue


def collect(results, workers, ids):
    """Return what came, by id, and the ids of what never will."""
    found = {}
    try:
        while len(found) < len(ids):
            number, value = results.get(timeout=10)
            found[number] = value
    except queue.Empty:
        pass
    return found, set(ids) - found.keys()
