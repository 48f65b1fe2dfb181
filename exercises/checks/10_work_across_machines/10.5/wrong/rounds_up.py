def machines_fed(call, clock, task_s, calls, workers):
    """Say how many machines one server can feed."""
    import math

    call()  # connects
    begin = clock()
    for _ in range(200):
        call()
    call_s = (clock() - begin) / 200
    return math.ceil(task_s / (calls * call_s) / workers)
