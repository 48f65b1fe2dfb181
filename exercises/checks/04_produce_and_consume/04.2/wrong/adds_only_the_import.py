import time


def consume(orders, work, idle_s):
    """Work on orders; say "empty" or "lost" when that is over."""
    while True:
        try:
            order = orders.get(timeout=idle_s)
            work(order)
            time.sleep(0.01)
        except Exception as error:
            if "Empty" in str(error):
                return "empty"
            print(f"An error occurred: {error}")
            return "error"
