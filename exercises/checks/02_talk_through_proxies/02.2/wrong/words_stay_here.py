def what_happens():
    """Say of each expression whether it asks the server."""
    return {
        "orders.qsize()": "asks",
        "ledger['Ada']": "asks",
        "orders.maxsize": "fails",
        "len(orders)": "fails",
        "len(ledger)": "asks",
        "bool(orders)": "stays",
        "bool(ledger)": "asks",
        "orders == again": "stays",
        "ledger == {'Ada': ['tea']}": "stays",
        "str(orders)": "stays",
        "repr(orders)": "stays",
    }
