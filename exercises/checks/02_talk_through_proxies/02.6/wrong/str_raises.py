def what_works():
    """Say of each line whether it works or fails."""
    return {
        "from multiprocessing.managers import QueueManager": "fails",
        "connected.shutdown()": "fails",
        "with connected: pass": "fails",
        "pickle.loads(pickle.dumps(orders))": "fails",
        "orders.qsize(), the server gone": "fails",
        "str(orders), the server gone": "fails",
        "bool(orders), the server gone": "fails",
    }
