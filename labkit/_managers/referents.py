"""What a server serves: queues by name, and whatever else is registered."""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from multiprocessing import managers
from typing import TYPE_CHECKING, Any

from labkit.queues import EXPOSED, QueueStats, TaskQueue

if TYPE_CHECKING:
    from labkit._queues.journals import Journal

__all__ = ["IDENT_PREFIX", "NamedQueue", "Referents"]

IDENT_PREFIX = "queue:"


@dataclass(frozen=True)
class NamedQueue:
    """Register this as the callable of a typeid whose referent is a named queue.

    The standard library calls a typeid's callable at every ``get_x()`` and names
    the referent after its memory address. A named queue is made once, at its first
    use, and keeps its name when the server is started again.

    Parameters
    ----------
    name : str or None
        The queue's name; ``None`` takes it from the first argument of the call.
    """

    name: str | None = None


class Referents(managers.Server):
    """The part of a manager server that finds, makes and forgets its referents.

    Attributes
    ----------
    queues : dict of str to TaskQueue
        Every named queue made so far.
    journal : Journal or None
        Where their items are kept, if anywhere.
    """

    public = [*managers.Server.public, "all_stats"]  # noqa: RUF012 - as the base
    # Of the base class, where type checkers do not see them.
    registry: dict[str, Any]
    mutex: threading.Lock
    id_to_obj: dict[str, tuple[Any, Collection[str], Any]]  # type: ignore[assignment]
    id_to_local_proxy_obj: dict[str, tuple[Any, Collection[str], Any]]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.queues: dict[str, TaskQueue] = {}
        self.journal: Journal | None = None

    def all_stats(self, c: Any) -> dict[str, QueueStats]:
        """Return the numbers of every named queue; a client may ask for them."""
        del c
        return {name: queue.stats() for name, queue in list(self.queues.items())}

    def referent(self, ident: str) -> tuple[Any, Collection[str], Any]:
        """Return the object of that ident, its methods, and their result typeids."""
        try:
            return self.id_to_obj[ident]
        except KeyError:
            pass
        if ident.startswith(IDENT_PREFIX):
            # A proxy from before a restart: its queue begins again, under its name.
            maxsize, _, name = ident.removeprefix(IDENT_PREFIX).partition(":")
            self._named_queue(name, int(maxsize))
            return self.id_to_obj[ident]
        return self.id_to_local_proxy_obj[ident]

    def create(
        self, c: Any, typeid: str, /, *args: Any, **kwds: Any
    ) -> tuple[str, tuple[str, ...]]:
        """Return the referent's ident and its methods, making it where needed."""
        maker = self.registry[typeid][0] if typeid in self.registry else None
        if not isinstance(maker, NamedQueue):
            return super().create(c, typeid, *args, **kwds)
        if maker.name is not None:
            return self._named_queue(maker.name, *args, **kwds)
        return self._named_queue(*args, **kwds)

    def _named_queue(self, name: str, maxsize: int = 0) -> tuple[str, tuple[str, ...]]:
        with self.mutex:
            if name not in self.queues:
                self.queues[name] = self._new_queue(name, maxsize)
            queue = self.queues[name]
            if maxsize not in (0, queue.maxsize):
                raise ValueError(
                    f"queue {name!r} exists with maxsize {queue.maxsize}, not "
                    f"{maxsize}; ask for it with the same number, or with none"
                )
            ident = f"{IDENT_PREFIX}{queue.maxsize}:{name}"
            self.id_to_obj[ident] = (queue, frozenset(EXPOSED), None)
        return ident, EXPOSED

    def _new_queue(self, name: str, maxsize: int) -> TaskQueue:
        if self.journal is None:
            return TaskQueue(maxsize)
        from labkit._queues.journals import JournaledQueue

        return JournaledQueue(self.journal, name, maxsize)

    def keep(self, journal: "Journal") -> None:
        """Keep every queue in a journal from now on; begin with what it holds.

        To be called before anything is served.
        """
        self.journal = journal
        for name, maxsize in journal.queues():
            self._named_queue(name, maxsize)

    def incref(self, c: Any, ident: str) -> None:
        """Count a reference; a named queue stays anyway."""
        if not ident.startswith(IDENT_PREFIX):
            super().incref(c, ident)

    def decref(self, c: Any, ident: str) -> None:
        """Drop a reference; a named queue stays anyway."""
        if not ident.startswith(IDENT_PREFIX):
            super().decref(c, ident)
