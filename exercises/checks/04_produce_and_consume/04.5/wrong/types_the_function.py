def what_happens():
    """Say what happens in each story."""
    return {
        "Process of a function from a cell": "works",
        "Process of a function from a file": "works",
        "start() of a manager class from a cell": "fails",
        "start() of a manager class from a file": "works",
        "print after serve_forever() in a cell": "terminal",
        "a program of Popen, stop button pressed": "ends",
    }
