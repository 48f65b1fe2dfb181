def sell(ledger, lock, thing, pay):
    """Take the money, then count a sale; return how many there are now."""
    pay(thing)
    count = ledger[thing] + 1
    with lock:
        ledger[thing] = count
    return count
