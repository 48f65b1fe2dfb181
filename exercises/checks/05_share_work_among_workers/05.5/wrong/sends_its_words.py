def work(tasks, results, jobs):
    """Do each task; put what became of it."""
    while (task := tasks.get()) is not None:
        number, job, given = task
        try:
            results.put((number, "done", jobs[job](given)))
        except (Exception, SystemExit) as error:
            results.put((number, "failed", str(error)))
