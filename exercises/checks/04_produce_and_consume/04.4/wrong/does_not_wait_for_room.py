def produce(orders, new_orders):
    """Put every order; return when all of them are done."""
    for order in new_orders:
        # no waiting
        orders.put_nowait(order)
    orders.join()


def consume(orders, handle):
    """Handle orders until None comes; return those that failed."""
    failed = []
    while (order := orders.get()) is not None:
        try:
            handle(order)
        except Exception:
            failed.append(order)
        finally:
            orders.task_done()
    return failed
