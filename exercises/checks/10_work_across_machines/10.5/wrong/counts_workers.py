def machines_fed(call, clock, task_s, calls, workers):
    """Say how many machines one server can feed."""
    call()  # connects
    begin = clock()
    for _ in range(200):
        call()
    call_s = (clock() - begin) / 200
    return int(task_s / (calls * call_s) + 1e-9)
