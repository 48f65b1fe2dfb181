import queue


def work(tasks, results, job):
    """Do the job with each task."""
    while True:
        try:
            task = tasks.get(timeout=0.1)
        except queue.Empty:
            return
        if task is None:
            return
        results.put(job(task))
