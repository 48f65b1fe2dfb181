def rate(tasks, orders, arrived, clock):
    """Return how many orders a second the queue moves."""
    begin = clock()
    for order in orders:
        tasks.put(order)
    arrived.wait()
    return clock() - begin
