def master(manager, start_worker, jobs):
    """Return what three workers make of the jobs, in order."""
    manager.start()
    tasks = manager.get_task_queue()
    results = manager.get_result_queue()
    workers = [start_worker() for _ in range(3)]
    for task in enumerate(jobs):
        tasks.put(task)
    for _ in workers:
        tasks.put(None)
    found = dict(results.get() for _ in jobs)
    manager.shutdown()
    for worker in workers:
        worker.join()
    return [found[number] for number in range(len(jobs))]
