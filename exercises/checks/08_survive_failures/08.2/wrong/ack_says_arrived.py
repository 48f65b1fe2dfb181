def orders_left():
    """Say how many of three orders the queue holds after each story."""
    return {
        "get, killed while packing": 2,
        "receive, killed while packing": 3,
        "receive, ack, killed while packing": 3,
        "receive, packed, killed before ack": 3,
        "receive, hangs longer than its time": 3,
        "the server is killed and started again": 0,
    }
