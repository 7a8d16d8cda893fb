"""The one place where outcomes of remote calls become Temporal errors: what is retried, when, and what is said."""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from stanch.errors import AuthBlocked, ConfigError, ConnectorError, Refused, Rejected, RetrySafe, StanchError, Uncertain

MAX_TEXT = 300
MAX_WAIT = timedelta(minutes=10)
LEAST_WAIT = timedelta(seconds=1)  # "at once", said each time, would be a loop without backoff
_log = logging.getLogger(__name__)


def to_temporal(error: StanchError, *, unsure: bool = False) -> ApplicationError:
    """An expected error as Temporal must see it; our own words only, never a vendor's text.

    Args:
        error: how this attempt ended.
        unsure: an earlier attempt may have changed something, which this one does not know.
    """
    final = isinstance(error, Rejected | AuthBlocked | Refused | ConfigError)
    return ApplicationError(
        error.message[:MAX_TEXT],
        error.code,
        type="UNCERTAIN" if unsure else outcome_of(error),
        non_retryable=final,
        next_retry_delay=_delay(error),
        category=ApplicationErrorCategory.BENIGN,
    )


def outcome_of(error: StanchError) -> str:
    """The outcome as the ledger and the core name it."""
    if isinstance(error, ConnectorError):
        return error.outcome
    if isinstance(error, Refused):
        return "REFUSED"
    return "REJECTED" if isinstance(error, ConfigError) else "RETRY_SAFE"


def unexpected(error: Exception) -> ApplicationError:
    """A mistake of ours: retried, and described by kind and place only, since its text may hold what a vendor sent."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {last[0].filename.rpartition('/')[2]}:{last[0].lineno}" if last else ""
    text = f"unexpected {type(error).__name__}{place}"
    _log.error(text)
    return ApplicationError(text, "E001", type="UNCERTAIN")


def _delay(error: StanchError) -> timedelta | None:
    if isinstance(error, RetrySafe | Uncertain) and error.retry_after is not None:
        return max(LEAST_WAIT, min(timedelta(seconds=error.retry_after), MAX_WAIT))
    return None
