def count_cups(client, make, orders):
    """Return the number of cups of each order, in their order."""
    return client.map(len, client.map(make, orders))
