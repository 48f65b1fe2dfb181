from concurrent.futures import as_completed


def collect(client, price, orders, show):
    """Show each order and its price as they come; return a dictionary."""
    order_of = {client.submit(price, order): order for order in orders}
    prices = {}
    for future in as_completed(order_of):
        order = order_of[future]
        try:
            prices[order] = future.result()
        except KeyError as error:
            prices[order] = str(error)
        show(order, prices[order])
    return prices
