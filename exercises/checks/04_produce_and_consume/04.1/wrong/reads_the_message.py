import queue


def consume(orders, handle, idle_s):
    """Handle orders until none has come for `idle_s` seconds."""
    while True:
        try:
            # the message of queue.Empty is ''
            order = orders.get(timeout=idle_s)
        except Exception as error:
            if "Empty" in str(error):
                return
            raise
        handle(order)
