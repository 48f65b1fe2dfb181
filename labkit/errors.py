"""Every error that labkit raises on purpose, in one family.

The first line of a message says what failed, with the value, and what to do next.
Each class also derives from the built-in exception that the standard library's
manager raises in its place, so that code written for the standard library's
errors catches labkit's too.
"""

from multiprocessing import AuthenticationError


class LabkitError(Exception):
    """The base of every error that labkit raises on purpose."""


class JournalError(LabkitError, OSError):
    """The journal file is in use, or is no journal."""


class KeyTypeError(LabkitError, TypeError):
    """The authkey is not ``bytes``."""


class WeakKeyError(LabkitError, ValueError):
    """The authkey is too short or too well known for an address beyond loopback."""


class AddressInUseError(LabkitError, OSError):
    """Another program already listens at the address."""


class ServerStartError(LabkitError, RuntimeError):
    """The server process ended, or said nothing, before it was ready."""


class NoServerError(LabkitError, ConnectionRefusedError):
    """Nothing is listening at the address."""


class WrongKeyError(LabkitError, AuthenticationError):
    """The server and this program do not hold the same authkey."""


class NotAQueueServerError(LabkitError, ConnectionError):
    """Something answers at the address, but not with the manager protocol."""


class ServerTimeoutError(LabkitError, TimeoutError):
    """The host, or the server on it, said nothing in time."""


class ServerStoppedError(LabkitError, EOFError):
    """The server is stopping or has gone; nothing was taken by this call."""


class OutcomeUnknownError(LabkitError, ConnectionError, EOFError):
    """The link broke after the request was sent: it may or may not have been done."""


class NotOfferedError(LabkitError, AttributeError):
    """The server hosts a plain ``queue.Queue``, which has no such method."""


class QuestionError(LabkitError, ValueError):
    """A question is asked, or answered, in a way that cannot be."""


class ReceiptError(LabkitError, ValueError):
    """The receipt is unknown here: acknowledged, timed out or redelivered."""


class ProgramError(LabkitError, RuntimeError):
    """A background program could not be started, or did not end in time."""


class UnknownProgramError(LabkitError, KeyError):
    """No program of that name was started from this kernel."""

    __str__ = Exception.__str__  # KeyError would show the sentence in quotes


class ExerciseError(LabkitError, ValueError):
    """A file of the exercises is missing, or does not say what it must."""


class GradingError(LabkitError, ValueError):
    """There is nothing to grade in the folder, or no such exercise set."""


class UnknownTaskError(LabkitError, LookupError):
    """No exercise has a task of this name."""


class MeasurementError(LabkitError, RuntimeError):
    """A measurement cannot be made, or could not be made within its budget."""


class NetworkError(LabkitError, OSError):
    """A network that this machine does not make, or made not quite."""
