"""What a mail server tells of the letters that it was given."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Letter", "Refusal"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that the server took.

    Attributes
    ----------
    number : int
        From 1, in the order of arrival.
    sender : str
        From the envelope (``MAIL FROM``), not from the letter itself.
    recipients : tuple of str
        Those of the envelope that were accepted (``RCPT TO``).
    message_id : str
        The letter's own ``Message-ID``; empty if it has none.
    subject : str
        Decoded; empty if it has none.
    received_at : datetime.datetime
        When it was complete, in UTC.
    size_bytes : int
        Header and text, as they came.
    answered : bool
        False where the connection was cut instead of the answer.
    """

    number: int
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    subject: str
    received_at: datetime
    size_bytes: int
    answered: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A letter, or one of its recipients, that the server did not take.

    Attributes
    ----------
    recipient : str
        The first one, where the letter as a whole was refused.
    code : int
        4xx for now, 5xx for good.
    refused_at : datetime.datetime
        In UTC.
    """

    recipient: str
    code: int
    refused_at: datetime
