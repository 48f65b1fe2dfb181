def what_happens():
    """Say how each story ends."""
    return {
        'bound to 127.0.0.1, a client in the shop calls 127.0.0.1': "works",
        'bound to 127.0.0.1, the cellar calls 10.77.0.1': "works",
        "bound to '', the cellar calls 127.0.0.1": 'refused',
        "bound to '', the cellar calls 10.77.0.1": "works",
        "bound to '', a firewall drops what comes": 'silence',
        "bound to '', the cellar has another key": 'no entry',
        "a client waits in get(), the shop's cable is pulled": 'silence',
    }
