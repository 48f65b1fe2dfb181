from multiprocessing.managers import BaseManager


def open_office(host, port, key, letters):
    """Return a server of the queue `letters`; it serves later."""

    class Office(BaseManager):
        pass

    Office.register("get_task_queue", callable=lambda: letters)
    return Office((host, port), authkey=b"a key of my own").get_server()
