def who_can():
    """Say of each story whether it happens."""
    return {
        "an eavesdropper reads an item": "yes",
        "an eavesdropper reads the key": "no",
        "an overheard digest opens a new connection": "yes",
        "a stranger learns where the server's Python is": "yes",
        "a silent stranger holds a thread": "yes",
        "the holder of the key runs code in the server": "yes",
        "the holder of the key ends the server": "yes",
    }
