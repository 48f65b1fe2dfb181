def sell(ledger, lock, thing, pay):
    """Take the money, then count a sale; return how many there are now."""
    pay(thing)
    ledger[thing] += 1
    return ledger[thing]
