"""The one place where outcomes of remote calls become Temporal errors: what is retried, when, and what is said."""

from __future__ import annotations

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from stanch.errors import AuthBlocked, ConfigError, ConnectorError, Refused, Rejected, RetrySafe, StanchError

MAX_TEXT = 300
MAX_WAIT = timedelta(minutes=10)


def to_temporal(error: StanchError) -> ApplicationError:
    """An expected error as Temporal must see it; our own words only, never a vendor's text."""
    final = isinstance(error, Rejected | AuthBlocked | Refused | ConfigError)
    return ApplicationError(
        error.message[:MAX_TEXT],
        error.code,
        type=outcome_of(error),
        non_retryable=final,
        next_retry_delay=_delay(error),
        category=ApplicationErrorCategory.BENIGN,
    )


def outcome_of(error: StanchError) -> str:
    """The outcome as the ledger and the core name it."""
    if isinstance(error, ConnectorError):
        return error.outcome
    return (
        "REFUSED" if isinstance(error, Refused) else "RETRY_SAFE" if not isinstance(error, ConfigError) else "REJECTED"
    )


def _delay(error: StanchError) -> timedelta | None:
    if isinstance(error, RetrySafe) and error.retry_after is not None:
        return min(timedelta(seconds=max(0.0, error.retry_after)), MAX_WAIT)
    return None
