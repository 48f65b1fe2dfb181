import copy


def benchmark(start_consumer, make_letter, count, clock):
    """Return letters a second, `count` of them in one list."""
    consumer = start_consumer()
    consumer.put([make_letter(-1)])
    consumer.wait()
    letter = make_letter(0)
    letters = [copy.copy(letter) for _ in range(count)]
    begin = clock()
    consumer.put(letters)
    consumer.wait()
    return count / (clock() - begin)
