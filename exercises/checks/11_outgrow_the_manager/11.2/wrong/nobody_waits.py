def rate(workers, task_s, server_s):
    """Return the tasks per second of so many workers."""
    return workers / (task_s + server_s)
