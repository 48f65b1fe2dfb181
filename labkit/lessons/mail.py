"""A real SMTP server to send letters to (lesson 09), which can fail on purpose.

It runs in a thread, and delivers nothing anywhere. The protocol is aiosmtpd's.
"""

import asyncio
import email
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that the server took."""

    sender: str  # of the envelope (MAIL FROM), not of the letter itself
    recipients: tuple[str, ...]  # those of the envelope that were accepted (RCPT TO)
    message_id: str  # the letter's own; empty if it has none
    subject: str
    received_at: datetime  # in UTC, when it was complete
    answered: bool  # False where the connection was cut instead


@dataclass(frozen=True, slots=True)
class Refusal:
    """A letter, or one of its recipients, that the server did not take."""

    recipient: str  # the first one, where the letter as a whole was refused
    code: int  # 4xx for now, 5xx for good


class MailServer:
    r"""An SMTP server in a thread, on 127.0.0.1; it is ready once it is made.

    A context manager that stops it. Any thread may call its methods.

    Parameters
    ----------
    delay_s : float, default 0.0
        Seconds, 0 or more, before the answer to a complete letter. Letters that come
        over different connections wait side by side.

    Attributes
    ----------
    address : tuple of (str, int)
        Where it listens: ``smtplib.SMTP(*server.address)`` connects.

    Examples
    --------
    >>> import smtplib
    >>> with start_mail_server() as server:
    ...     with smtplib.SMTP(*server.address) as client:
    ...         _ = client.sendmail("a@lab.test", "b@lab.test", "Subject: Tea\n\n")
    ...     server.messages()[0].subject
    'Tea'
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        self._letters: list[Letter] = []
        self._refusals: list[Refusal] = []
        self._unknown: set[str] = set()
        self._busy = self._cuts = 0
        self._delay_s = delay_s
        opened: Future[tuple[str, int]] = Future()
        serve = self._serve(opened)
        self._thread = threading.Thread(target=asyncio.run, args=[serve], daemon=True)
        self._thread.start()
        self.address = opened.result()

    async def _serve(self, opened: "Future[tuple[str, int]]") -> None:
        # aiosmtpd's own Controller cannot take a free port: aiosmtpd#388.
        from aiosmtpd.smtp import SMTP

        self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()

        def protocol() -> SMTP:  # with its name given it asks no name server for one
            return SMTP(self, hostname="localhost", loop=self._loop)

        server = await self._loop.create_server(protocol, "127.0.0.1", 0)
        opened.set_result(server.sockets[0].getsockname())
        await self._closed.wait()
        server.close()
        # Connections still open are cancelled by asyncio.run(), and closed.

    def messages(self) -> list[Letter]:
        """Return every letter that it took, in the order of arrival."""
        return list(self._letters)

    def refusals(self) -> list[Refusal]:
        """Return everything that it refused, in order."""
        return list(self._refusals)

    def postpone(self, times: int) -> None:
        """Answer so many of the next letters with 451: busy, try again later."""
        self._busy = times

    def reject(self, address: str) -> None:
        """Answer an address with 550, from now on: there is no such mailbox.

        A letter to several gets to the others.
        """
        self._unknown.add(address.lower())

    def hang_up(self, times: int) -> None:
        """Take so many of the next letters, and cut their connections unanswered."""
        self._cuts = times

    def stop(self) -> None:
        """Stop listening, cut every connection, and wait. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closed.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # aiosmtpd calls these by their names, in the thread of the server.

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Accept a recipient, or not."""
        if address.lower() in self._unknown:
            return self._refuse(address, "550 5.1.1 No such mailbox here")
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient known"

    async def handle_DATA(  # noqa: N802
        self, server: Any, _session: Any, envelope: Any
    ) -> str:
        """Keep a letter, unless it is to fail."""
        await asyncio.sleep(self._delay_s)
        if self._busy > 0:
            self._busy -= 1
            return self._refuse(envelope.rcpt_tos[0], "451 4.3.2 Busy, try again later")
        # The modern policy decodes a subject, but stumbles over a broken Message-ID.
        head = email.message_from_bytes(envelope.content)
        subject = policy.default.header_fetch_parse("Subject", head.get("Subject", ""))
        letter = Letter(
            str(envelope.mail_from),
            tuple(envelope.rcpt_tos),
            str(head.get("Message-ID", "")).strip(),
            str(subject),
            datetime.now(UTC),
            answered=self._cuts <= 0,
        )
        self._letters.append(letter)
        if self._cuts > 0:
            self._cuts -= 1
            server.transport.abort()
            # The end of the connection, a moment later, cancels this task.
            await asyncio.get_running_loop().create_future()
        return "250 2.0.0 Kept"

    def _refuse(self, recipient: str, answer: str) -> str:
        self._refusals.append(Refusal(recipient, int(answer[:3])))
        return answer


start_mail_server = MailServer
