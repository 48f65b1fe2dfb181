def what_comes():
    """Say what comes of each story."""
    return {
        "three killed in get(), then the next get()": 4,
        "get() interrupted, tea put, then qsize()": "tea",
        "the server is back, the old proxy": "fails",
        "the server is back, a new proxy beside the old": "works",
        "the server is back, a new proxy alone": "works",
        "the master is killed, the server it started": "serves",
    }
