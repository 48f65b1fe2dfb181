import traceback


def work(tasks, results, jobs):
    """Do each task; put what became of it."""
    while (task := tasks.get()) is not None:
        number, job, given = task
        try:
            results.put((number, "done", jobs[job](given)))
        except BaseException:
            results.put((number, "failed", traceback.format_exc()))
