def in_order():
    """Return the six messages in the order in which they are sent."""
    return [
        "dummy",
        "create",
        "incref",
        "accept_connection",
        "qsize",
        "decref",
    ]


def connections():
    """Say how many connections each step opens."""
    return {
        "connect": 1,
        "orders": 3,
        "first qsize": 1,
        "second qsize": 0,
    }
