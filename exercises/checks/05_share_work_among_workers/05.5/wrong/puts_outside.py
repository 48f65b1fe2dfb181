import traceback


def work(tasks, results, jobs):
    """Do each task; put what became of it."""
    while (task := tasks.get()) is not None:
        number, job, given = task
        try:
            word, value = "done", jobs[job](given)
        except (Exception, SystemExit):
            word, value = "failed", traceback.format_exc()
        results.put((number, word, value))
