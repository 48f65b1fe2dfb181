def consume(orders, handle, idle_s):
    """Handle orders until none has come for `idle_s` seconds."""
    while True:
        try:
            handle(orders.get(timeout=idle_s))
        except Exception:
            return
