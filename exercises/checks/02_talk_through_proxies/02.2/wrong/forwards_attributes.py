def what_happens():
    """Say of each expression whether it asks the server."""
    return {
        "orders.qsize()": "asks",
        "ledger['Ada']": "asks",
        "orders.maxsize": "asks",
        "len(orders)": "fails",
        "len(ledger)": "asks",
        "bool(orders)": "stays",
        "bool(ledger)": "asks",
        "orders == again": "stays",
        "ledger == {'Ada': ['tea']}": "stays",
        "str(orders)": "asks",
        "repr(orders)": "stays",
    }
