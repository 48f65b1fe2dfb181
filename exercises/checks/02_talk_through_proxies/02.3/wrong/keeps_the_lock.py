def sell(ledger, lock, thing, pay):
    """Take the money, then count a sale; return how many there are now."""
    pay(thing)
    lock.acquire()
    count = ledger[thing] + 1
    ledger[thing] = count
    lock.release()
    return count
