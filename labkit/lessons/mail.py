"""A real SMTP server to send letters to (lesson 09), which can fail on purpose.

:class:`PostOffice` runs in a thread; :func:`start_mail_server` runs one in a process,
which is this module as a program. The protocol is aiosmtpd's.
"""

import asyncio
import contextlib
import email.header
import email.parser
import errno
import json
import os
import sys
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from labkit.servers import BackgroundServer

__all__ = ["Letter", "MailServer", "PostOffice", "Refusal", "start_mail_server"]


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


class PostOffice:
    """An SMTP server on 127.0.0.1, in a thread of this process.

    Its methods are those of :class:`MailServer`; any thread may call them.

    Parameters
    ----------
    port : int, default 0
        Where to listen; 0 for a free port.
    delay_s : float, default 0.0
        Seconds, 0 or more, before the answer to a complete letter. Letters that come
        over different connections wait side by side.

    Attributes
    ----------
    address : tuple of (str, int)
        Where it listens.

    Raises
    ------
    OSError
        The port is in use, or may not be used.
    """

    def __init__(self, port: int = 0, delay_s: float = 0.0) -> None:
        self._letters: list[Letter] = []
        self._refusals: list[Refusal] = []
        self._unknown: set[str] = set()
        self._busy = self._cuts = 0
        self._delay_s = delay_s
        opened: Future[tuple[str, int]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(port, opened)), daemon=True
        )
        self._thread.start()
        self.address = opened.result()

    async def _serve(self, port: int, opened: "Future[tuple[str, int]]") -> None:
        # aiosmtpd's own Controller cannot take a free port: aiosmtpd#388.
        from aiosmtpd.smtp import SMTP

        self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()

        def protocol() -> SMTP:  # with its name given it asks no name server for one
            return SMTP(self, hostname="localhost", loop=self._loop)

        try:
            server = await self._loop.create_server(protocol, "127.0.0.1", port)
        except (OSError, OverflowError) as error:
            opened.set_exception(error)
            return
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
        """Answer so many of the next letters with 451."""
        self._busy = times

    def reject(self, address: str) -> None:
        """Answer an address with 550, from now on."""
        self._unknown.add(address.lower())

    def hang_up(self, times: int) -> None:
        """Take so many of the next letters, and cut their connections."""
        self._cuts = times

    def close(self) -> None:
        """Stop listening, cut every connection, and wait. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closed.set)
            self._thread.join()

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
        answered = self._cuts <= 0
        self._letters.append(_read(len(self._letters) + 1, envelope, answered))
        if not answered:
            self._cuts -= 1
            server.transport.abort()
            # The end of the connection, a moment later, cancels this task.
            await asyncio.get_running_loop().create_future()
        return "250 2.0.0 Kept"

    def _refuse(self, recipient: str, answer: str) -> str:
        self._refusals.append(Refusal(recipient, int(answer[:3]), datetime.now(UTC)))
        return answer


def _read(number: int, envelope: Any, answered: bool) -> Letter:
    head = email.parser.BytesHeaderParser().parsebytes(envelope.content)
    subject = str(head.get("Subject", ""))
    with contextlib.suppress(ValueError, LookupError):  # no such encoding
        subject = "".join(
            part if isinstance(part, str) else part.decode(code or "ascii", "replace")
            for part, code in email.header.decode_header(subject)
        )
    return Letter(
        number,
        str(envelope.mail_from),
        tuple(envelope.rcpt_tos),
        str(head.get("Message-ID", "")).strip(),
        subject,
        datetime.now(UTC),
        len(envelope.content),
        answered,
    )


class MailServer(BackgroundServer):
    """An SMTP server in its own process, made by :func:`start_mail_server`.

    It delivers nothing anywhere: read what it took with :meth:`messages`. However this
    process ends, even by SIGKILL, the server ends with it. Any thread may call its
    methods, which talk to it over a pipe, not over SMTP; they raise ServerStoppedError
    when it has ended.

    Attributes
    ----------
    name, address, pid
        As in :class:`labkit.servers.BackgroundServer`:
        ``smtplib.SMTP(*server.address)`` connects.
    """

    kind = "mail server"
    command = ("labkit.lessons.mail",)
    address: tuple[str, int]

    def __init__(self, name: str, port: int, delay_s: float) -> None:
        super().__init__(name)
        self._start(port=port, delay_s=delay_s)

    def messages(self) -> list[Letter]:
        """Return every letter that it took, in the order of arrival.

        A letter whose sender has its answer is among them.
        """
        return [
            Letter(**{**entry, "recipients": tuple(entry["recipients"])})
            for entry in map(_dated, self.ask("messages"))
        ]

    def refusals(self) -> list[Refusal]:
        """Return everything that it refused, in order."""
        return [Refusal(**entry) for entry in map(_dated, self.ask("refusals"))]

    def postpone(self, times: int) -> None:
        """Answer so many of the next letters with 451: busy, try again later."""
        self.ask("postpone", times)

    def reject(self, address: str) -> None:
        """Answer an address with 550, from now on: there is no such mailbox.

        A letter to several gets to the others.
        """
        self.ask("reject", address)

    def hang_up(self, times: int) -> None:
        """Take so many of the next letters, and cut their connections unanswered."""
        self.ask("hang_up", times)


def _dated(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what came as JSON, with its time as a time."""
    for name in {"received_at", "refused_at"} & entry.keys():
        entry[name] = datetime.fromisoformat(entry[name])
    return entry


def start_mail_server(
    *, name: str = "default", port: int = 0, delay_s: float = 0.0
) -> MailServer:
    r"""Start an SMTP server in a background process; it is ready on return.

    Parameters
    ----------
    name : str, default "default"
        In a notebook, a running mail server of the same name is stopped first, so
        that a cell can be run again.
    port, delay_s
        As for :class:`PostOffice`.

    Returns
    -------
    MailServer

    Raises
    ------
    AddressInUseError
        Another program listens at the port.
    ServerStartError
        The system refuses the port, or the server was not ready in time.

    Examples
    --------
    >>> import smtplib
    >>> with start_mail_server() as server:
    ...     with smtplib.SMTP(*server.address) as client:
    ...         _ = client.sendmail("a@lab.test", "b@lab.test", "Subject: Tea\n\n")
    ...     server.messages()[0].subject
    'Tea'
    """
    return MailServer(name, port, delay_s)


def _main() -> None:
    settings = json.loads(sys.stdin.readline())
    try:
        office = PostOffice(**settings)
    except (OSError, OverflowError) as error:
        taken = getattr(error, "errno", 0) == errno.EADDRINUSE
        kind = "AddressInUseError" if taken else "ServerStartError"
        where = f"127.0.0.1:{settings['port']}"
        text = f"cannot listen at {where} ({error}); use port 0 for a free one"
        _tell(event="failed", kind=kind, message=text)
        return
    _tell(event="ready", address=office.address, pid=os.getpid())
    for line in sys.stdin:  # it ends when the parent ends
        order = json.loads(line)
        value = getattr(office, order["call"])(*order["args"])
        _tell(event="answer", value=[asdict(one) for one in value or ()])
    office.close()


def _tell(**event: Any) -> None:
    print(json.dumps(event, default=str), flush=True)


if __name__ == "__main__":
    _main()
