def sell(ledger, lock, thing, pay):
    """Take the money, then count a sale; return how many there are now."""
    with lock:
        pay(thing)
        count = ledger[thing] + 1
        ledger[thing] = count
    return count
