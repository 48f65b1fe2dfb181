def count_cups(client, make, orders):
    """Return the number of cups of each order, in their order."""
    counts = []
    for order in orders:
        tray = client.submit(make, order)
        counts.append(client.submit(len, tray).result())
    return counts
