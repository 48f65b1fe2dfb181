def rate(tasks, orders, arrived, clock):
    """Return how many orders a second the queue moves."""
    for order in orders:
        tasks.put(order)
    begin = clock()
    arrived.wait()
    return len(orders) / (clock() - begin)
