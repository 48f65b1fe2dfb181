import queue


def collect(results, workers, ids):
    """Return what came, by id, and the ids of what never will."""
    found = {}
    while len(found) < len(ids):
        try:
            number, value = results.get(timeout=0.1)
            found[number] = value
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                break
    return found, set(ids) - found.keys()
