"""What a check of the doctor says: one thing, how it is, and what to do."""

__all__ = ["AFTER_SET_UP", "Check", "State"]

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "FAIL"]

# What to do about a check that psutil is needed for.
AFTER_SET_UP = "ask the doctor again after the set-up"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    state: State
    """``"ok"``; ``"warn"``: the kit works, with a limit; ``"FAIL"``: it does not."""
    found: str
    """What was found, with the value."""
    todo: str = ""
    """The one thing to do; empty when the state is ``"ok"``."""
