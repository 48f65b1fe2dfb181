def sell(ledger, lock, thing, pay):
    """Take the money, then count a sale; return how many there are now."""
    pay(thing)
    with lock:
        count = ledger.get(thing, 0) + 1
        ledger[thing] = count
    return count
