def machines_fed(call, clock, task_s, calls, workers):
    """Say how many machines one server can feed."""
    begin = clock()
    for _ in range(150):
        call()
    call_s = (clock() - begin) / 150
    return int(task_s / (calls * call_s) / workers)
