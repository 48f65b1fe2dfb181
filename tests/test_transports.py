"""Every adapter, for real: what goes in comes out, in order, and nothing stays."""

import sys

import pytest
from adapters_for_tests import MANY, send_to_itself

from labkit._throughput.adapters import SPAWN
from labkit._throughput.catalog import TRANSPORTS


@pytest.mark.parametrize("name", TRANSPORTS)
def test_items_arrive(name, monkeypatch):
    """Items come out as they went in, whatever they are."""
    kind = TRANSPORTS[name]
    if kind.missing():
        pytest.skip(kind.missing())
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    transport = kind()
    ours, theirs = SPAWN.Pipe(duplex=False)
    try:
        spec = transport.open()
        child = SPAWN.Process(target=send_to_itself, args=(kind, spec, theirs))
        child.start()
        theirs.close()
        assert ours.poll(20)
        assert ours.recv() == MANY
        child.join(5)
        assert child.exitcode == 0
        child.close()
    finally:
        ours.close()
        transport.close()
