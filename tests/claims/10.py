"""What the cells of lesson 10 must show, live or recorded."""

from tests.claims import claim


@claim("10-bind")
def loopback_is_closed_to_the_cellar(shown):
    """The first door refuses; the shop's address and '' are open."""
    assert "0.0.0.0" in shown
    lines = [line for line in shown.splitlines() if line.startswith("visitor")]
    assert ["Refused" in line for line in lines] == [True, False, False]
    assert all("open" in line for line in lines[1:])


@claim("10-ipv6")
def a_plain_manager_knows_no_ipv6(shown):
    """It fails at ::1, where labkit's server listens, if the machine has IPv6."""
    assert "plain_server -> gaierror" in shown


@claim("10-refused")
def silence_is_no_refusal(shown):
    """Closed, nobody's and cut-off addresses answer differently."""
    lines = [line for line in shown.splitlines() if line.startswith("visitor")]
    wanted = ("Refused", "No route to host", "TimeoutError")
    assert all(word in line for word, line in zip(wanted, lines, strict=True))


@claim("10-weak-raises")
def a_famous_key_is_refused(shown):
    """Only beyond loopback; the message says how to make another."""
    assert shown.error == "WeakKeyError"
    assert "well known" in shown.message
    assert "python -m labkit key" in shown.message


@claim("10-two-hosts")
def four_breads_are_baked(shown):
    """Wherever an oven is free."""
    assert all(bread in shown for bread in ("rye-", "bun-", "pita-", "bap-"))


@claim("10-proxy")
def a_pickled_proxy_has_no_key(shown):
    """It has the address."""
    assert "the address is in it: True" in shown
    assert "the key is in it: False" in shown


@claim("10-vanish")
def the_cake_is_back_long_before_its_receipt_expires(shown):
    """The server asked a silent client."""
    assert 0.5 <= shown.numbers("back after")[0] < 25


@claim("10-silence")
def only_labkit_asks(shown):
    """A plain connection has no keepalive."""
    plain, ours = shown.numbers("keepalive")
    assert (plain, ours != 0) == (0, True)


@claim("10-talk")
def the_tap_reads_the_card(shown):
    """The key does not encrypt."""
    assert "card 4929 0012" in shown


@claim("10-tunnel-blind")
def the_order_goes_through_unread(shown):
    """The tap between the ends can read nothing."""
    assert "answer: card 4929 0012" in shown
    assert "the card's" not in shown


@claim("10-tunnel-door")
def a_tunnel_needs_the_key_too(shown):
    """A wrong key is refused through the tunnel."""
    assert "WrongKeyError" in shown
