def note(ledger, name, thing):
    """Add a thing to the list of a customer, who may be new."""
    if name not in ledger:
        ledger[name] = []
    ledger[name].append(thing)  # this one is a copy, too
