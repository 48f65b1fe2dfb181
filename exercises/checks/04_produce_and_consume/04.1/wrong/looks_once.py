def consume(orders, handle, idle_s):
    """Handle orders until none has come for `idle_s` seconds."""
    while not orders.empty():
        handle(orders.get(timeout=idle_s))
