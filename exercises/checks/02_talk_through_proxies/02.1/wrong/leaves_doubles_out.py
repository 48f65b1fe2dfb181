def note(ledger, name, thing):
    """Add a thing to the list of a customer, who may be new."""
    things = ledger.get(name, [])
    if thing not in things:
        ledger[name] = [*things, thing]
