import queue


def work(tasks, results, job):
    """Do the job with each task."""
    for _ in range(10):
        try:
            task = tasks.get(timeout=0.1)
            results.put(job(task))
        except queue.Empty:
            print("task queue is empty")
