def rate(workers, task_s, server_s):
    """Return the tasks per second of so many workers."""
    return min(workers / (task_s + server_s), 1 / server_s)
