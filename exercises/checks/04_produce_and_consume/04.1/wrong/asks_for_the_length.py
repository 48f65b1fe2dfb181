def consume(orders, handle, idle_s):
    """Handle orders until none has come for `idle_s` seconds."""

    # len() is no method call
    while len(orders) > 0:
        handle(orders.get(timeout=idle_s))
