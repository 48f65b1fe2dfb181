def collect(client, price, orders, show):
    """Show each order and its price as they come; return a dictionary."""
    order_of = {client.submit(price, order): order for order in orders}
    prices = {}
    for future, order in order_of.items():
        error = future.exception()
        prices[order] = future.result() if error is None else error
        show(order, prices[order])
    return prices
