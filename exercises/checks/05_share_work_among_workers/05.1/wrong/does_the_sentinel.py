def work(tasks, results, job):
    """Do the job with each task."""
    task = ""
    while task is not None:
        task = tasks.get()
        results.put(job(task))
