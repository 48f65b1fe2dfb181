def count_cups(client, make, orders):
    """Return the number of cups of each order, in their order."""
    trays = client.gather(client.map(make, orders))
    return [len(tray) for tray in trays]
