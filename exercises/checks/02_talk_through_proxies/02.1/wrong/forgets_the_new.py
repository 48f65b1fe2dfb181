def note(ledger, name, thing):
    """Add a thing to the list of a customer, who may be new."""
    ledger[name] += [thing]
