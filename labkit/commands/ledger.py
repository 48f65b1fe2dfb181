"""A master's book: which of its tasks are out, and what came of the others."""

import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from labkit.commands.jobs import as_item

__all__ = ["Ledger"]


class Ledger:
    """Every task of one run, from the first to its one record.

    Parameters
    ----------
    tasks : iterable
        In order; they are numbered from 1.
    ordered : bool, default False
        Whether a record is kept back until all before it are there.

    Attributes
    ----------
    run : str
        Random; tells this run's records from those of earlier ones.
    unsent : collections.deque of dict
        Items that are still to be put into the queue of tasks.
    open : dict of int to object
        The tasks that have no record yet, by number.
    total, failed, duplicates, strangers : int
        Tasks at all; records with an error; second records of a task; records of
        other runs, or no records at all.
    """

    def __init__(self, tasks: Iterable[Any], *, ordered: bool = False) -> None:
        self.run = secrets.token_hex(4)
        self.open = dict(enumerate(tasks, 1))
        self.unsent = deque(as_item(self.run, *pair) for pair in self.open.items())
        self.total = len(self.open)
        self.failed = self.duplicates = self.strangers = 0
        self._ordered = ordered
        self._held: dict[int, dict[str, Any]] = {}
        self._next = 1

    def enter(self, record: Any) -> Iterator[dict[str, Any]]:
        """Take what came from the queue of results; yield what is to be printed.

        A worker that died after it gave its result, and before it said so, makes
        another do the task again. The second record of a task is counted and dropped.
        """
        if not isinstance(record, dict) or record.get("run") != self.run:
            self.strangers += 1
        elif record["id"] not in self.open:
            self.duplicates += 1
        else:
            del self.open[record["id"]]
            self.failed += "error" in record
            shown = {key: value for key, value in record.items() if key != "run"}
            yield from self._in_order(shown) if self._ordered else [shown]

    def _in_order(self, record: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self._held[record["id"]] = record
        while self._next in self._held:
            yield self._held.pop(self._next)
            self._next += 1

    def give_up(self, numbers: Iterable[int], error: str) -> Iterator[dict[str, Any]]:
        """Enter an error for tasks that will have no other record."""
        for number in numbers:
            if number in self.open:
                item = as_item(self.run, number, self.open[number])
                yield from self.enter({**item, "error": error})

    def summary(self) -> str:
        """Return the numbers in one sentence."""
        done = self.total - len(self.open)
        parts = [f"{done:,} of {self.total:,} tasks done"]
        if self.failed:
            parts.append(f"{self.failed:,} of them failed")
        if self.duplicates:
            parts.append(f"{self.duplicates:,} done twice, shown once")
        if self.strangers:
            parts.append(
                f"{self.strangers:,} results of other runs dropped (give each master "
                "a --results queue of its own)"
            )
        return ", ".join(parts)
