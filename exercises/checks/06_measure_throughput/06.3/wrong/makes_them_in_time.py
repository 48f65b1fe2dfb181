def benchmark(start_consumer, make_letter, count, clock):
    """Return letters a second, `count` of them in one list."""
    consumer = start_consumer()
    consumer.put([make_letter(-1)])
    consumer.wait()
    begin = clock()
    consumer.put([make_letter(number) for number in range(count)])
    consumer.wait()
    return count / (clock() - begin)
