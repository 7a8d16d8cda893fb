"""The exception tree; every error says what happened, where, why, and what to do next.

StanchError
├── ConfigError            a file or setting is wrong (problems with file, line, column)
├── IntakeError            a delivery is refused before anything is stored
├── Refused                a guard, an approval check or a halt said no
├── DependencyError        something Stanch needs cannot be reached
└── ConnectorError         outcome of a remote call that is not CONFIRMED
    ├── Rejected           the vendor understood and said no; repeating cannot help
    │   └── Gone           what the call is about is not there, or is hidden from this account
    ├── AuthBlocked        credentials or scopes do not allow it
    ├── RetrySafe          nothing was changed; the same call may be repeated
    └── Uncertain          it was sent and no usable answer came back
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake in a file that a user wrote: where, which code, what, and what to do about it."""

    code: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""
    severity: str = "error"  # error, warning, info

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file or self.line else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.code} {self.message}{hint}"


class StanchError(Exception):
    """Root of all expected errors.

    Args:
        message: what happened, in words for the person who must act; never vendor exception text.
        code: stable identifier, listed in docs/errors.md.
        hint: the next step.
    """

    default_code = "E000"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint


class ConfigError(StanchError):
    """A file or a setting is wrong; carries every problem found, not only the first."""

    default_code = "C001"

    def __init__(self, message: str, *, problems: Iterable[Problem] = (), code: str = "", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.problems = tuple(problems)


class IntakeError(StanchError):
    """A delivery is refused before anything is stored.

    Args:
        status: the HTTP status the sender gets.
        place: field path in the body, where there is one.
    """

    default_code = "I001"

    def __init__(self, message: str, *, status: int = 400, code: str = "", hint: str = "", place: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.status = status
        self.place = place


class Refused(StanchError):
    """A guard, an approval check or a halt said no; nothing was changed."""

    default_code = "G001"


class DependencyError(StanchError):
    """Something Stanch needs (Temporal, records, a process it starts) cannot be reached."""

    default_code = "D001"


class ConnectorError(StanchError):
    """A remote call did not end CONFIRMED; the subclass is the outcome."""

    default_code = "V001"
    outcome = "UNCERTAIN"


class Rejected(ConnectorError):
    """The vendor understood the request and refused it (400, 404, 409, 422, data policy)."""

    default_code = "V002"
    outcome = "REJECTED"


class Gone(Rejected):
    """What the call is about was deleted, archived, or is hidden from this account; trackers do not say which."""

    default_code = "V030"


class AuthBlocked(ConnectorError):
    """Credentials, scopes or roles do not allow the call (401, 403, revoked token)."""

    default_code = "V003"
    outcome = "AUTH_BLOCKED"


class RetrySafe(ConnectorError):
    """Nothing was changed (not sent, 429, failed read): the same call may be repeated.

    Args:
        retry_after: seconds to wait as the vendor asked, None where it did not say.
    """

    default_code = "V004"
    outcome = "RETRY_SAFE"

    def __init__(self, message: str, *, retry_after: float | None = None, code: str = "", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after


class Uncertain(ConnectorError):
    """The call was sent and no usable answer came back; look up by our own key before deciding.

    Args:
        retry_after: seconds until another look is worth it, None where there is no telling.
        sent: False where this attempt only looked for what an earlier one may have done.
    """

    default_code = "V005"
    outcome = "UNCERTAIN"

    def __init__(
        self, message: str, *, retry_after: float | None = None, sent: bool = True, code: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after
        self.sent = sent
