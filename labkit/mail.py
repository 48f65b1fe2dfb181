"""A real SMTP server in a background process, to send letters to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from labkit._mail.letters import Letter, Refusal
from labkit._servers.children import ServerChild
from labkit._servers.namesakes import Namesakes
from labkit.transport import shown

__all__ = ["Letter", "MailServer", "Refusal", "start_mail_server"]

_running = Namesakes()


class MailServer:
    """An SMTP server that runs in a process of its own, until you stop it.

    Made by :func:`start_mail_server`. A context manager: leaving the block stops it.
    It delivers nothing anywhere: what it takes you read with :meth:`messages`.

    Attributes
    ----------
    name : str
        For people, and to replace a server of the same name in a notebook.
    address : tuple of (str, int)
        Where it listens: ``smtplib.SMTP(*server.address)`` connects.
    pid : int
        Its process id, or the one it had.

    Notes
    -----
    Every method may be called from any thread. However this process ends, even by
    SIGKILL, the server ends with it, for it watches a pipe that only this process
    holds. Its own methods talk to it over that pipe, not over SMTP.
    """

    def __init__(self, name: str, port: int, delay_s: float) -> None:
        self.name = name
        self._child = ServerChild(
            f"mail server {name!r}",
            {"port": port, "delay_s": delay_s},
            ("labkit._mail.postoffice",),
        )
        _running.add(self)
        host, port = self._child.ready["address"]
        self.address: tuple[str, int] = (host, port)
        self.pid = int(self._child.ready["pid"])

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._child.process.poll() is None

    def messages(self) -> list[Letter]:
        """Return every letter that it took, in the order of arrival.

        Returns
        -------
        list of Letter
            Each with its envelope, ``message_id``, ``subject`` and ``received_at``.
            A letter whose sender has its answer is among them.

        Raises
        ------
        ServerStoppedError
            The server has ended. So for all methods that ask it something.
        """
        return [_letter(one) for one in self._child.ask("messages")]

    def refusals(self) -> list[Refusal]:
        """Return everything that it refused, in order."""
        return [_refusal(one) for one in self._child.ask("refusals")]

    def postpone(self, times: int) -> None:
        """Answer the next letters with 451: busy, try again later.

        Parameters
        ----------
        times : int
            How many letters, from now on; 0 for none.
        """
        self._child.ask("postpone", times)

    def reject(self, address: str) -> None:
        """Answer an address with 550, from now on: there is no such mailbox.

        Parameters
        ----------
        address : str
            A letter to several gets to the others.
        """
        self._child.ask("reject", address)

    def hang_up(self, times: int) -> None:
        """Take the next letters, then cut their connections instead of an answer.

        Parameters
        ----------
        times : int
            How many letters, from now on; 0 for none.
        """
        self._child.ask("hang_up", times)

    def stop(self) -> None:
        """End it; its letters are gone. Safe to call twice."""
        self._child.stop()
        _running.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"running, pid {self.pid}" if self.is_alive() else "stopped"
        return f"<MailServer {self.name!r} at {shown(self.address)}, {state}>"


def start_mail_server(
    *, name: str = "default", port: int = 0, delay_s: float = 0.0
) -> MailServer:
    r"""Start an SMTP server in a background process; it is ready on return.

    Parameters
    ----------
    name : str, default "default"
        In a notebook, a running mail server of the same name is stopped first, so
        that a cell can be run again.
    port : int, default 0
        Where to listen on 127.0.0.1, which other machines cannot reach; 0 for a free
        port.
    delay_s : float, default 0.0
        Seconds, 0 or more, that it takes to answer a complete letter; letters that
        come over different connections wait side by side.

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
    _running.make_way(name)
    return MailServer(name, port, delay_s)


def _letter(entry: Mapping[str, Any]) -> Letter:
    recipients = tuple(entry["recipients"])
    at = datetime.fromisoformat(entry["received_at"])
    return Letter(**{**entry, "recipients": recipients, "received_at": at})


def _refusal(entry: Mapping[str, Any]) -> Refusal:
    at = datetime.fromisoformat(entry["refused_at"])
    return Refusal(**{**entry, "refused_at": at})
