from concurrent.futures import as_completed


def collect(client, price, orders, show):
    """Show each order and its price as they come; return a dictionary."""
    order_of = {client.submit(price, order): order for order in orders}
    prices = {}
    for future in as_completed(order_of):
        order = order_of[future]
        if future.exception() is None:
            prices[order] = future.result()
            show(order, prices[order])
    return prices
