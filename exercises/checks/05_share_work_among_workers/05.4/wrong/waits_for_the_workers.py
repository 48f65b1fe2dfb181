import queue


def collect(results, workers, ids):
    """Return what came, by id, and the ids of what never will."""
    for worker in workers:
        worker.join()
    found = {}
    while results.qsize():
        number, value = results.get()
        found[number] = value
    return found, set(ids) - found.keys()
