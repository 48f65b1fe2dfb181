def sell(ledger, lock, thing, pay):
    """Take the money, then count a sale; return how many there are now."""
    with lock:
        count = ledger[thing] + 1
        ledger[thing] = count
    pay(thing)
    return count
