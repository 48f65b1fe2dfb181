def copies():
    """Say how many copies of the letter arrive in each story."""
    return {
        "busy twice, then taken": 1,
        "taken, answer lost, sent again": 1,
        "sent, killed before the ledger": 2,
        "sent, in the ledger, killed before ack": 1,
        "in the ledger first, killed before sending": 0,
        "acknowledged first, killed before sending": 0,
    }
