"""08.4: orders come more than once; each is packed once."""

import pytest

from labkit.grader.fixtures import points, shown, until

NO_END = "It must return when receive() says that nothing came."
FIRST, SECOND = {"id": 17, "item": "tea"}, {"id": 7, "item": "tea"}


@pytest.fixture
def ledger(answer):
    """Lend an empty ledger, in the answer's own folder."""
    path = answer.path.with_name("ledger.txt")
    path.write_text("", encoding="utf-8")
    yield path
    path.unlink(missing_ok=True)


def _pack(answer, orders, work, ledger):
    return answer.call("pack", orders=orders, work=work, ledger=ledger, idle_s=0.2)


@points(2, "packs each id once, also where items or parts of ids are alike")
def test_same_id_is_packed_once(answer, depot, ledger):
    """One order comes twice; another is for the same item, with part of the id."""
    orders, packed = depot.queue([FIRST, SECOND, FIRST]), []
    call = _pack(answer, orders, packed.append, ledger)
    call.returns(NO_END)
    ids = [order["id"] for order in packed]
    assert ids == [17, 7], (
        f"{call} packed the ids {ids}; expected [17, 7]. An order is identified by its id, "
        "not by its item; and '7' is in the text '17', but is none of its lines."
    )


@points(1, "acknowledges duplicates, too")
def test_every_receipt_is_acknowledged(answer, depot, ledger):
    """A duplicate is done, too."""
    orders = depot.queue([FIRST, SECOND, FIRST])
    call = _pack(answer, orders, [].append, ledger)
    call.returns(NO_END)
    left = depot.open_orders(orders)
    assert not left, (
        f"{call} left {left} receipt{'s' * (left > 1)} open; expected none. A "
        "duplicate without an ack() comes back until it is a dead letter."
    )


@points(1, "does not pack again what a killed packer had packed and written down")
def test_memory_outlives_the_packer(answer, depot, ledger):
    """A real process is killed when it is about to acknowledge."""
    orders, packed = depot.queue([FIRST]), []
    with depot.packer(
        answer, "pack", orders, ledger, 0.2, dies_at="ack", free=1
    ) as packer:
        packer.ends()
        assert packer.did("end"), (
            f"pack() did not come as far as the end of its work; it said: "
            f"{packer.said() or 'nothing'}"
        )
    written = ledger.read_text(encoding="utf-8")
    until(lambda: orders.qsize() == 1)
    _pack(answer, orders, packed.append, ledger).returns(NO_END)
    assert not packed, (
        "A packer was killed between its work and its ack(); the next one packed the "
        f"order again, although it had been packed. The ledger says {shown(written)}: "
        "write each id there when its work is done, before ack(), and read it there."
    )


@points(1, "writes nothing down before it is done")
def test_failed_work_is_not_written_down(answer, depot, ledger):
    """The work fails once, its error propagates, and a packer starts again."""
    orders, tried = depot.queue([FIRST]), []

    def fail(order):
        raise ValueError(f"cannot pack {order}")

    call = _pack(answer, orders, fail, ledger)
    error = call.ends(NO_END).error
    assert isinstance(error, ValueError), (
        f"{call} ended with {shown(error)} when work() raised ValueError; expected that error to propagate."
    )
    orders.put(FIRST)  # as if its time were over
    again = _pack(answer, orders, tried.append, ledger)
    again.returns(NO_END)
    assert tried, (
        f"The work on id 17 failed, and the next {again} left it alone; expected it "
        "to pack id 17. Write an id down after its work, not before."
    )
    orders = depot.queue([SECOND])
    with depot.packer(answer, "pack", orders, ledger, 0.2) as packer:
        packer.did("begin")
    until(lambda: orders.qsize() == 1)
    again = _pack(answer, orders, tried.append, ledger)
    again.returns(NO_END)
    assert SECOND in tried, (
        f"A packer was killed in the middle of its work on id 7, and the next {again} "
        "left it alone; expected it to pack id 7. Write an id down after its work."
    )
