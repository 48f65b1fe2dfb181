def rate(workers, task_s, server_s):
    """Return the tasks per second of so many workers."""
    queue = 0.0
    for count in range(1, workers + 1):
        at_server_s = server_s * (1 + queue)
        per_second = count / (task_s + at_server_s)
        queue = 1 + per_second * at_server_s
    return per_second
