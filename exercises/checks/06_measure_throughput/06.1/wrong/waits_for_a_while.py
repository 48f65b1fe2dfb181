def rate(tasks, orders, arrived, clock):
    """Return how many orders a second the queue moves."""
    begin = clock()
    for order in orders:
        tasks.put(order)
    arrived.wait(0.1)
    return len(orders) / (clock() - begin)
