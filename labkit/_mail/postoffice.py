"""A real SMTP server in a thread of this process, which can fail on purpose.

The protocol is aiosmtpd's. :mod:`labkit.mail` runs this in a process of its own; a
check of an exercise, which lives for a second, uses it as it is.
"""

import asyncio
import email.header
import email.parser
import errno
import json
import os
import sys
import threading
from concurrent.futures import Future
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from labkit._mail.letters import Letter, Refusal

__all__ = ["PostOffice"]


class PostOffice:
    """An SMTP server on this machine's loopback address.

    Parameters
    ----------
    port : int, default 0
        Where to listen on 127.0.0.1; 0 for a free one.
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

    Notes
    -----
    Every method may be called from any thread.
    """

    def __init__(self, port: int = 0, delay_s: float = 0.0) -> None:
        self._clerk = _Clerk(delay_s)
        opened: Future[tuple[str, int]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(port, opened)), daemon=True
        )
        self._thread.start()
        self.address = opened.result()

    async def _serve(self, port: int, opened: "Future[tuple[str, int]]") -> None:
        from aiosmtpd.smtp import SMTP

        loop = asyncio.get_running_loop()
        self._loop, self._closed = loop, asyncio.Event()
        try:
            server = await loop.create_server(
                # With its name given it asks no name server for one.
                lambda: SMTP(self._clerk, hostname="localhost", loop=loop),
                *("127.0.0.1", port),
            )
        except (OSError, OverflowError) as error:
            opened.set_exception(error)
            return
        opened.set_result(server.sockets[0].getsockname())
        await self._closed.wait()
        server.close()
        # What still talks is cancelled by asyncio.run(), and closes its connection.

    def messages(self) -> list[Letter]:
        """Return every letter that it took, in the order of arrival."""
        return list(self._clerk.letters)

    def refusals(self) -> list[Refusal]:
        """Return everything that it refused, in order."""
        return list(self._clerk.refusals)

    def postpone(self, times: int) -> None:
        """Answer the next letters with 451: busy, try again later.

        Parameters
        ----------
        times : int
            How many letters, from now on; 0 for none.
        """
        self._clerk.busy = times

    def reject(self, address: str) -> None:
        """Answer an address with 550, from now on: there is no such mailbox.

        Parameters
        ----------
        address : str
            Its other recipients get a letter all the same.
        """
        self._clerk.unknown.add(address.lower())

    def hang_up(self, times: int) -> None:
        """Take the next letters, then cut their connections instead of an answer.

        Parameters
        ----------
        times : int
            How many letters, from now on; 0 for none.
        """
        self._clerk.cuts = times

    def close(self) -> None:
        """Stop listening, cut every connection, and wait. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closed.set)
            self._thread.join()


class _Clerk:
    """What is done with a letter; its methods run in the server's thread alone.

    Other threads set its numbers, and copy its lists: each a single step.
    """

    def __init__(self, delay_s: float) -> None:
        self.letters: list[Letter] = []
        self.refusals: list[Refusal] = []
        self.unknown: set[str] = set()
        self.busy = self.cuts = 0
        self._delay_s = delay_s

    def _refuse(self, recipient: str, code: int, words: str) -> str:
        self.refusals.append(Refusal(recipient, code, datetime.now(UTC)))
        return f"{code} {words}"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for this name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Accept a recipient, or not."""
        if address.lower() in self.unknown:
            return self._refuse(address, 550, "5.1.1 No such mailbox here")
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient known"

    async def handle_DATA(  # noqa: N802 - likewise
        self, server: Any, _session: Any, envelope: Any
    ) -> str:
        """Keep a letter, unless it is to fail."""
        await asyncio.sleep(self._delay_s)
        if self.busy > 0:
            self.busy -= 1
            first = envelope.rcpt_tos[0]
            return self._refuse(first, 451, "4.3.2 Busy, try again later")
        answered = self.cuts <= 0
        self.letters.append(_read(len(self.letters) + 1, envelope, answered))
        if not answered:
            self.cuts -= 1
            server.transport.abort()
            # The end of the connection, a moment later, cancels this task.
            await asyncio.get_running_loop().create_future()
        return "250 2.0.0 Kept"


def _read(number: int, envelope: Any, answered: bool) -> Letter:
    head = email.parser.BytesHeaderParser().parsebytes(envelope.content)
    return Letter(
        number,
        str(envelope.mail_from),
        tuple(envelope.rcpt_tos),
        str(head.get("Message-ID", "")).strip(),
        _decoded(str(head.get("Subject", ""))),
        datetime.now(UTC),
        len(envelope.content),
        answered,
    )


def _decoded(subject: str) -> str:
    """Return a subject in plain text, whatever a sender has made of it."""
    try:
        parts = email.header.decode_header(subject)
        return "".join(
            part if isinstance(part, str) else part.decode(code or "ascii", "replace")
            for part, code in parts
        )
    except (ValueError, LookupError):  # no such encoding
        return subject


def _main() -> None:
    """Serve for :mod:`labkit.mail`: orders come as JSON, until the input ends."""
    settings = json.loads(sys.stdin.readline())
    try:
        office = PostOffice(**settings)
    except (OSError, OverflowError) as error:
        taken = getattr(error, "errno", 0) == errno.EADDRINUSE
        failed = {
            "event": "failed",
            "kind": "AddressInUseError" if taken else "ServerStartError",
            "message": f"cannot listen at 127.0.0.1:{settings['port']} ({error}); "
            "use port 0 for a free one",
        }
        print(json.dumps(failed), flush=True)
        return
    ready = {"event": "ready", "address": office.address, "pid": os.getpid()}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        value = getattr(office, order["call"])(*order["args"])
        told = [asdict(one) for one in value or ()]
        print(json.dumps({"event": "answer", "value": told}, default=str), flush=True)
    office.close()


if __name__ == "__main__":
    _main()
