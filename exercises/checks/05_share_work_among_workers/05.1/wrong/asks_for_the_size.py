def work(tasks, results, job):
    """Do the job with each task."""
    for _ in range(tasks.qsize()):
        task = tasks.get()
        if task is None:
            return
        results.put(job(task))
