def rate(tasks, orders, arrived, clock):
    """Return how many orders a second the queue moves."""
    begin = clock()
    for order in orders:
        tasks.put(order)
    if arrived.is_set():
        print("all there")
    return len(orders) / (clock() - begin)
