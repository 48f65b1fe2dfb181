def master(manager, start_worker, jobs):
    """Return what three workers make of the jobs, in order."""
    manager.start()
    tasks = manager.get_task_queue()
    results = manager.get_result_queue()
    workers = [start_worker() for _ in range(3)]
    for _ in workers:
        tasks.put(None)
    for task in enumerate(jobs):
        tasks.put(task)
    found = dict(results.get() for _ in jobs)
    for worker in workers:
        worker.join()
    manager.shutdown()
    return [found[number] for number in range(len(jobs))]
