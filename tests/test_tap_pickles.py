"""Pickles are described, never carried out: honest ones, hostile ones, and noise."""

import functools
import io
import os
import pickle
import struct
from collections import OrderedDict

import pytest
from test_tap import dial, framed, raw_server, swallow, wait_for

from labkit import wiretap
from labkit.tap.decode import MAX_STEPS, TEXT_LIMIT, read_pickle


def text(pickled):
    """Return the text of a pickle."""
    return read_pickle(pickled)[0].text


class Call:
    """Pickled, asks for a call."""

    def __init__(self, called, *args):
        self.called = called, args

    def __reduce__(self):
        return self.called


class Order:
    """Pickled, a plain object with a state."""

    def __init__(self, **words):
        vars(self).update(words)


def plain_data(st):
    """Return Hypothesis's strategy for numbers, texts and containers of them."""
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**200), 2**200)
        | st.floats()
        | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=12,
    )


@pytest.mark.long
def test_plain_data_reads_as_its_repr():
    """Numbers, texts and containers look as in Python, in every protocol."""
    # Here and below, not at the top: every process that collects tests would wait.
    from hypothesis import given, settings
    from hypothesis import strategies as st

    @settings(max_examples=15, deadline=None)
    @given(plain_data(st), st.integers(0, 5))
    def reads(value, protocol):
        whole, shown = repr(value), text(pickle.dumps(value, protocol))
        assert shown == (
            whole if len(whole) <= TEXT_LIMIT else f"{whole[:TEXT_LIMIT]}…"
        )

    reads()


@pytest.mark.long
def test_noise_is_harmless():
    """Random bytes, alone or within a pickle, are described as well as can be."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    @settings(max_examples=30, deadline=None)
    @given(
        st.binary(max_size=80), plain_data(st), st.integers(0, 5), st.integers(0, 60)
    )
    def reads(noise, value, protocol, place):
        text(noise)
        good = pickle.dumps(value, protocol)
        text(good[:place] + noise + good[place + len(noise) :])
        assert read_pickle(good[:-1])[1]

    reads()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"tea", "b'tea'"),
        ({1}, "set({1})"),
        (OrderedDict(tea=1), "collections.OrderedDict('tea': 1)"),
        (frozenset({1}), "frozenset({1})"),
        (ValueError("stale"), "ValueError('stale')"),
        (Order(item="tea", n=2), "test_tap_pickles.Order(item='tea', n=2)"),
        (int, "int"),
        (OrderedDict, "collections.OrderedDict"),
        (10**400, "<int of 167 bytes>"),
        (pickle.dumps(["tea"]), "pickled(['tea'])"),
        (b"\x80\x04tea.", "b'\\x80\\x04tea.'"),
        (
            pickle.dumps([*range(6_000)]),
            f"(pickled({[*range(30)]}"[:100] + "…",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_else_there_is(value, shown):
    """Objects look as they would be made; a pickle in bytes is opened."""
    kept = io.BytesIO()
    pickler = pickle.Pickler(kept, 4)
    pickler.dispatch_table = {}  # else exceptions go Dask's way, where it was loaded
    pickler.dump(value)
    assert text(kept.getvalue()) == shown


def test_a_loop_ends():
    """What holds itself is not followed for ever."""
    loop = [1]
    loop.append(loop)
    assert text(pickle.dumps(loop)) == "[1, []]"


# Hostile pickles, each through a real tap.

TOUCH = "open('owned', 'w')"
HARM = {
    "os.system": Call(os.system, "touch owned"),
    "eval": Call(eval, TOUCH),
    "exec": Call(exec, TOUCH),
    "__import__": Call(__import__, "antigravity"),
    "partial": Call(functools.partial(eval, TOUCH)),
    "open": Call(open, "owned", "w"),
}
BY_HAND = {
    "reduce": b"cos\nsystem\n(S'touch owned'\ntR.",
    "inst": b"(S'touch owned'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch owned'\no.",
    "newobj": b"\x80\x02cbuiltins\nopen\nX\x05\0\0\0ownedX\x01\0\0\0w\x86\x81.",
    "build": b"\x80\x02clabkit.errors\nNoServerError\n)\x81}"
    b"X\x0c\0\0\0__setstate__cos\nsystem\nsb.",
    "persistent": b"\x80\x02X\x05\0\0\0ownedQPowned\n.",
    "extension": b"\x80\x02\x82\xf0)R.",
    "dotted": b"\x80\x04\x8c\x08builtins\x94\x8c\x0deval.__call__\x94\x93.",
    "collision": b"\x80\x04\x8c\x0clabkit.queue\x94\x8c\x05Empty\x94\x93)R.",
    "no name": b"cbuiltins\neval('owned')\n.",
}
INNER = b"\x80\x04" + b"N0" * 4_000 + b"N."
BOMBS = {
    "memo": b"\x80\x02Nr\xff\xff\xff\xff.",
    "laughs": b"(lp0\n"
    + b"".join(b"(g%d\ng%d\nlp%d\n" % (n, n, n + 1) for n in range(99)),
    "pairs": b"N" + b"2\x86" * 2_000 + b".",
    "names": b"N" + b"2\x86" * 2_000 + b"2\x93.",
    "shared state": b"}(" + b"NN" * 900 + b"u\x940" + b"(cos\nx\n)Rh\0b" * 300,
    "deep": b")" + b"\x85" * 60_000 + b".",
    "deep keys": b"}" + b")" + b"\x85" * 4_000 + b"Ns.",
    "deep lists": b"]" * 30_000 + b"a" * 29_999 + b".",
    "marks": b"(" * 60_000,
    "long": b"\x8b\x60\xea\0\0" + b"\xff" * 60_000 + b".",
    "digits": b"L" + b"9" * 60_000 + b"L\n.",
    "length": b"\x8e" + struct.pack("<Q", 1 << 62) + b"tea",
    "negative": b"\x8b\xff\xff\xff\xff.",
    "hash": b"}" + b")" + b"2\x86" * 2_000 + b"Ns.",
    "grown": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"tea",
    "inner": b"(" + pickle.dumps(INNER)[2:-1] + b"h\0" * 1_000 + b"t.",
    "nested": functools.reduce(
        lambda body, _: pickle.dumps(body), range(2_000), b"tea"
    ),
}


def test_hostile_pickles_through_a_tap(tmp_path, monkeypatch):
    """Nothing is carried out, each is shown, and the next honest call as well."""
    monkeypatch.chdir(tmp_path)
    pickled = [
        pickle.dumps(("tea", "put", (harm,), {}), protocol)
        for harm in HARM.values()
        for protocol in range(6)
    ]
    pickled += [body[:-20] for body in pickled] + [*BY_HAND.values(), *BOMBS.values()]
    with raw_server(swallow) as address, wiretap(address) as tap:
        with dial(tap) as client:
            for body in pickled:
                client.sendall(framed(body))
            client.sendall(framed(pickle.dumps(("tea", "put", ("honest",), {}))))
        last = wait_for(tap, lambda m: m.text == "put('honest')", 60)
        assert last.number == len(pickled) + 1
        shown = [m.text for m in tap.messages]
    assert not list(tmp_path.iterdir())
    assert shown[:2] == [f"put({os.system.__module__}.system('touch owned'))"] * 2
    assert max(map(len, shown)) < 200
    assert {m.kind for m in tap.messages} == {"call", "other"}


@pytest.mark.parametrize("name", [*HARM, *BY_HAND, *BOMBS])
def test_the_price_is_bounded(name):
    """Instructions are counted, whatever the pickle; and so is every character."""
    body = pickle.dumps(HARM[name]) if name in HARM else {**BY_HAND, **BOMBS}[name]
    turns = iter(range(MAX_STEPS))
    value, _ = read_pickle(body, turns)
    assert next(turns, MAX_STEPS) <= MAX_STEPS
    assert len(value.text) <= TEXT_LIMIT + 1


def test_names_do_not_deceive():
    """Only what is a name is shown as one, and only a built-in without its module."""
    assert text(BY_HAND["collision"]) == "labkit.queue.Empty()"
    assert text(BY_HAND["no name"]) == "<\"builtins.eval('owned')\">"
    assert text(BY_HAND["dotted"]) == "eval.__call__"
    assert text(BY_HAND["newobj"]) == "open('owned', 'w')"
    assert text(b"\x80\x04\x8c\x03\xc3\xb6s\x8c\x06system\x93.").startswith(
        "<'"
    )  # not a letter of ASCII
