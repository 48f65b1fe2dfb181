import time


def work(tasks, results, job):
    """Do the job with each task."""
    while True:
        try:
            task = tasks.get(timeout=0.1)
        except Queue.Empty:
            time.sleep(0.1)
            continue
        if task is None:
            return
        results.put(job(task))
