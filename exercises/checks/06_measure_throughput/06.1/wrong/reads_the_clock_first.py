def rate(tasks, orders, arrived, clock):
    """Return how many orders a second the queue moves."""
    begin = clock()
    for order in orders:
        tasks.put(order)
    end = clock()
    arrived.wait()
    return len(orders) / (end - begin)
