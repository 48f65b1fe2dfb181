def benchmark(start_consumer, make_letter, count, clock):
    """Return letters a second, `count` of them in one list."""
    consumer = start_consumer()
    consumer.put([make_letter(-1)])
    consumer.wait()
    letters = [make_letter(number) for number in range(count)]
    begin = clock()
    consumer.put(letters)
    seconds = clock() - begin
    consumer.wait()
    return count / max(seconds, 1e-6)
