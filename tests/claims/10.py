"""What the cells of lesson 10 must show, live or recorded."""

from tests.claims import claim

SHOWS = {
    "10-ipv6": ["plain_server -> gaierror"],
    "10-weak-raises": ["WeakKeyError: ", "well known", "python3 -m labkit key"],
    "10-proxy": ["the address is in it: True", "the key is in it: False"],
    "10-talk": ["card 4929 0012"],
    "10-tunnel-door": ["WrongKeyError"],
}


@claim("10-bind")
def loopback_is_closed_to_the_cellar(shown):
    """The first door refuses; the shop's address and '' are open."""
    assert "0.0.0.0" in shown
    lines = [line for line in shown.splitlines() if line.startswith("visitor")]
    assert ["Refused" in line for line in lines] == [True, False, False]
    assert all("open" in line for line in lines[1:])


@claim("10-refused")
def silence_is_no_refusal(shown):
    """Closed, nobody's and cut-off addresses answer differently."""
    lines = [line for line in shown.splitlines() if line.startswith("visitor")]
    wanted = ("Refused", "No route to host", "TimeoutError")
    assert all(word in line for word, line in zip(wanted, lines, strict=True))


@claim("10-two-hosts")
def four_breads_are_baked(shown):
    """Wherever an oven is free."""
    assert all(bread in shown for bread in ("rye-", "bun-", "pita-", "bap-"))


@claim("10-vanish")
def the_cake_is_back_long_before_its_receipt_expires(shown):
    """The server asked a silent client."""
    assert 0.5 <= shown.numbers("back after")[0] < 25


@claim("10-silence")
def only_labkit_asks(shown):
    """A plain connection has no keepalive."""
    plain, ours = shown.numbers("keepalive")
    assert (plain, ours != 0) == (0, True)


@claim("10-tunnel-blind")
def the_order_goes_through_unread(shown):
    """The tap between the ends can read nothing."""
    assert "answer: card 4929 0012" in shown
    assert "read the card: True" not in shown
