def round_trips():
    """Say how many round trips, or connections, each story takes."""
    return {
        "put, 1,000 letters one by one": 1000,
        "put, 1,000 letters in lists of 100": 1000,
        "put_many, 1,000 letters": 1,
        "get_many(400) until 1,000 are out": 3,
        "buffered, 250 letters, max_items=100": 3,
        "connections up to a plain first answer": 5,
    }
