"""Queues that are still there after their server was killed."""

import sqlite3

import pytest

from labkit import errors
from labkit.manager import TaskQueue
from labkit.manager.journal import Journal
from labkit.servers import start_server


@pytest.fixture
def file(tmp_path):
    """Return where the journal is kept."""
    return tmp_path / "lab.journal"


def crash(server):
    """Kill the server and start it again, as a power cut and a reboot would."""
    server.kill()
    server.restart()
    return server.connect().get_queue("orders")


def test_what_a_killed_server_held_is_still_there(file):
    """In its order and within its bound; nothing that is done comes back."""
    with start_server(journal=file) as server:
        manager = server.connect()
        orders, small = manager.get_queue("orders"), manager.get_queue("small", 2)
        small.put_many([1, 2])
        orders.put_many(range(5))
        orders.put({"sugar": 2})
        assert [orders.get(), *orders.get_many(2)] == [0, 1, 2]
        orders.ack(orders.receive()[0])
        receipt, _ = orders.receive()
        orders = crash(server)
        with pytest.raises(errors.ReceiptError):
            orders.ack(receipt)
        assert orders.get_many(9) == [4, {"sugar": 2}]
        assert server.connect().get_queue("small", 2).full()


def test_deliveries_and_dead_letters_are_remembered(file):
    """A poisonous item does not get a new life from a restart."""
    with start_server(journal=file) as server:
        orders = server.connect().get_queue("orders")
        orders.put("poison")
        for _ in range(4):
            orders.nack(orders.receive()[0])
        orders = crash(server)
        orders.nack(orders.receive()[0])
        assert orders.dead_letters() == ["poison"]
        orders = crash(server)
        assert orders.dead_letters() == ["poison"]
        assert orders.empty()


def test_a_journal_belongs_to_one_server(file):
    """A second server with the same file is refused, and the first goes on."""
    with start_server(journal=file) as server:
        orders = server.connect().get_queue("orders")
        orders.put("tea")
        with pytest.raises(errors.JournalError, match="another server uses"):
            start_server(journal=file)
        assert orders.get() == "tea"


def test_a_file_that_is_no_journal_is_left_alone(file):
    """Neither a text nor another program's database is touched."""
    file.write_text("my only copy of the thesis" * 50, encoding="utf-8")
    with pytest.raises(errors.JournalError, match="move it away"):
        start_server(journal=file)
    assert "thesis" in file.read_text(encoding="utf-8")
    file.unlink()
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE thesis (page)")
    other.close()
    with pytest.raises(errors.JournalError, match="another program's"):
        start_server(journal=file)


def test_what_a_damaged_end_has_lost_is_counted(file):
    """SQLite ignores what comes after the damage; the server says so."""
    with start_server(journal=file) as server:
        orders = server.connect().get_queue("orders")
        for _ in range(20):
            orders.put("x" * 500)
        server.kill()
        log = file.with_name(file.name + "-wal")
        data = bytearray(log.read_bytes())
        data[len(data) // 2] ^= 255
        log.write_bytes(data)
        server.restart()
        lost = 20 - server.connect().get_queue("orders").qsize()
        assert 0 < lost < 20
        assert f"Writes that are lost: {lost}." in server.log


def test_a_folder_that_is_not_there(tmp_path):
    """The error names the file."""
    with pytest.raises(errors.JournalError, match="none"):
        start_server(journal=tmp_path / "none" / "lab.journal")


@pytest.fixture
def orders(file):
    """Lend a queue of this process that is kept in a journal."""
    journal = Journal(file)
    yield TaskQueue(journal=journal.queue("orders", 0))
    journal.close()


def kept(queue):
    """Return the items that are in the file."""
    waiting, dead = queue._journal.entries()
    return [item for entry in waiting + dead for item in entry.opened()]


def test_an_unpicklable_item_changes_nothing(orders):
    """A batch that cannot be written is not half in the file."""
    with pytest.raises(Exception, match="local object"):
        orders.put_many(["tea", lambda: None])
    assert orders.empty()
    assert kept(orders) == []


def test_an_answer_that_cannot_be_sent_keeps_the_item(orders):
    """What was taken stays in the file until the caller has it."""
    orders.put("tea")
    orders.put_back(orders.get.for_client(orders))
    assert kept(orders) == ["tea"]
    assert orders.get() == "tea"
    assert kept(orders) == []
