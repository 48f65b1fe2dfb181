STOP = None


def produce(orders, new_orders, consumers):
    """Put the new orders, then what sends every consumer home."""
    for order in new_orders:
        orders.put(order)
    for _ in range(consumers):
        orders.put(STOP)


def consume(orders, handle):
    """Handle orders until it is sent home."""
    while True:
        order = orders.get()
        if not order:
            return
        handle(order)
