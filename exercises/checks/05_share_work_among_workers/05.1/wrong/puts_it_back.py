def work(tasks, results, job):
    """Do the job with each task."""
    while (task := tasks.get()) is not None:
        results.put(job(task))
    tasks.put(None)
