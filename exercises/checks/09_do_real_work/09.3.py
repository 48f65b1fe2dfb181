"""09.3: what a mail server says, recipient by recipient."""

from labkit.grader.fixtures import points, shown

ADA, NOBODY = "ada@shop.test", "nobody@shop.test"
WAITS = "The mail server answers at once: nothing here has to wait."
CODES = (
    "SMTPRecipientsRefused has a number for each address in .recipients; other "
    "refusals have an .smtp_code; a lost link has neither."
)


def _send(answer, office, address, to):
    mail = office.mail(to=", ".join(to))
    host, port = address
    return answer.call("send", mail=mail, to=to, host=host, port=port)


def _must_say(call, expected, advice, what):
    error = call.ends(WAITS).error
    if error is not None:
        raise AssertionError(
            f"{what}, send() raised {shown(error)}; expected {expected}. {advice}"
        ) from error
    assert call.value == expected, (
        f"{what}, send() {call.outcome}; expected {expected}. {advice}"
    )


@points(2, "tries again later what may pass")
def test_what_may_pass_is_tried_later(answer, office, free_port):
    """A busy server, a lost answer, and nobody at all."""
    cases = {
        "When the server was busy (451)": lambda: office.postpone(1),
        "When the connection broke before the answer": lambda: office.hang_up(1),
        "When nobody listened": lambda: None,
    }
    for what, prepare in cases.items():
        prepare()
        address = ("127.0.0.1", free_port) if "nobody" in what else office.address
        call = _send(answer, office, address, [ADA])
        advice = f"This may pass. {CODES}"
        _must_say(call, {ADA: "later"}, advice, what)


@points(2, "never tries again what is final")
def test_unknown_mailbox_is_never_tried_again(answer, office):
    """The server knows no such mailbox: 550."""
    call = _send(answer, office, office.address, [NOBODY])
    advice = f"5xx is final: another try is refused as well. {CODES}"
    _must_say(call, {NOBODY: "never"}, advice, "When the mailbox was unknown (550)")


@points(2, "tells the recipients apart")
def test_each_recipient_has_a_word(answer, office):
    """Of two recipients one is unknown: the letter goes to the other."""
    call = _send(answer, office, office.address, [ADA, NOBODY])
    expected = {ADA: "sent", NOBODY: "never"}
    advice = (
        "send_message() raises only when all are refused; else it returns those that "
        "were, as a dictionary of their numbers."
    )
    _must_say(call, expected, advice, "When one of two mailboxes was unknown (550)")
    again = len(office.messages())
    assert again == 1, f"{call} sent the letter {again} times; expected once."
