def work(tasks, results, job):
    """Do the job with each task."""
    while task := tasks.get():
        results.put(job(task))
