def benchmark(start_consumer, make_letter, count, clock):
    """Return letters a second, `count` of them in one list."""
    consumer = start_consumer()
    letters = [make_letter(number) for number in range(count)]
    begin = clock()
    consumer.put(letters)
    consumer.wait()
    return count / (clock() - begin)
