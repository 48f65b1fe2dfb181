def machines_fed(call, clock, task_s, calls, workers):
    """Say how many machines one server can feed."""
    call()  # connects
    begin = clock()
    call()
    call_s = clock() - begin
    return int(task_s / (calls * call_s) / workers)
