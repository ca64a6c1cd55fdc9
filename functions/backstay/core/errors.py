"""Everything Backstay raises, as one tree.

BackstayError
├── BadRequest          the caller can mend it: names the field, the value and what would be accepted
│   ├── NoSuchDatabase  the Database that it names is not there
│   └── BadPolicy       the policy document is refused whole: source, line, value, accepted
├── RunFailed           a run's published Report says that it failed
├── LostRace            a conditional write lost: somebody else wrote first; re-read and decide again
└── ProviderError       a system we depend on did not do what we asked
    ├── Denied          our role may not; asking again changes nothing
    ├── Throttled       still throttled after the client's own retries
    ├── Unreachable     no answer: timeout, connection reset, 5xx after retries
    ├── NotFound        the thing named does not exist (any more)
    ├── Conflict        it exists already, or is in a state that forbids the call
    ├── Rejected        the system understood and refused: quota, bad parameter, unusable key
    └── Unexpected      an answer that we cannot read: never taken for an empty one
"""

from __future__ import annotations


class BackstayError(Exception):
    """Base of all our errors. The message is meant for the person who has to act on it."""


class BadRequest(BackstayError):
    """A request that the caller can mend.

    Attributes:
        field: dotted path of the field at fault, e.g. ``to``; empty when the whole is.
        value: what was given, already safe to print.
        accepted: what would have been accepted.
    """

    def __init__(self, message: str, *, field: str = "", value: object = None, accepted: str = "") -> None:
        self.field, self.value, self.accepted = field, value, accepted
        parts = [f"{field}: " if field else "", message]
        if value is not None:
            parts.append(f" (got {value!r})")
        if accepted:
            parts.append(f"; accepted: {accepted}")
        super().__init__("".join(parts))


class NoSuchDatabase(BadRequest):
    """The named Database does not exist where we look; after an event it may just have been deleted."""


class BadPolicy(BadRequest):
    """The policy document is wrong; it is refused whole."""


class RunFailed(BackstayError):
    """A run came to a bad end that its published Report tells; raised so that whoever started the run sees it fail."""


class LostRace(BackstayError):
    """A conditional write was refused because the object changed since it was read."""


class ProviderError(BackstayError):
    """A provider call failed.

    Attributes:
        call: the API operation, e.g. ``rds:ModifyDBInstance``.
        code: the provider's error code, e.g. ``AccessDenied``; empty when there was no answer.
    """

    def __init__(self, message: str, *, call: str = "", code: str = "") -> None:
        self.call, self.code = call, code
        super().__init__(f"{call}: {message}" if call else message)


class Denied(ProviderError):
    """Our role may not do this."""


class Throttled(ProviderError):
    """Throttling outlasted the client's retries."""


class Unreachable(ProviderError):
    """No usable answer came: timeout, reset, server error after retries."""


class NotFound(ProviderError):
    """The named thing does not exist."""


class Conflict(ProviderError):
    """Exists already, or is in a state that forbids the call."""


class Rejected(ProviderError):
    """Understood and refused."""


class Unexpected(ProviderError):
    """An answer that cannot be read."""
