def in_order():
    """Return the six messages in the order in which they are sent."""
    return [
        "dummy",
        "create",
        "incref",
        "decref",
        "accept_connection",
        "qsize",
    ]


def connections():
    """Say how many connections each step opens."""
    return {
        "connect": 1,
        "orders": 0,
        "first qsize": 0,
        "second qsize": 0,
    }
