def foretell():
    """Say what each line of the story leads to."""
    return {
        "child processes after get_server()": 1,
        "the port after get_server()": "taken",
        "child processes after start()": 1,
        "child processes after shutdown()": 0,
        "calls of the callable": 2,
        "orders in the queue made here": 0,
        "orders in the queue served": 1,
        "another class, the same registered name": "works",
        "the same class, another registered name": "fails",
    }
