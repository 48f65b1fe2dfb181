def note(ledger, name, thing):
    """Add a thing to the list of a customer, who may be new."""
    things = ledger.get(name, [])
    things += thing  # one entry for each letter
    ledger[name] = things
