def produce(orders, new_orders):
    """Put every order; return when all of them are done."""
    for order in new_orders:
        orders.put(order)
    orders.join()


def consume(orders, handle):
    """Handle orders until None comes; return those that failed."""
    failed = []
    while (order := orders.get()) is not None:
        try:
            handle(order)
            orders.task_done()
        except Exception:
            failed.append(order)
    return failed
