import traceback


def work(tasks, results, jobs):
    """Do each task; put what became of it."""
    while (task := tasks.get()) is not None:
        number, job, given = task
        try:
            results.put(("done", jobs[job](given)))
        except (Exception, SystemExit):
            results.put(("failed", traceback.format_exc()))
