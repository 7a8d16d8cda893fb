"""What both trackers do alike: keys, settling after an uncertain create, texts with a limit."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from stanch.errors import IntakeError, Rejected, Uncertain
from stanch.ports import TicketDraft
from stanch.sinks.cutting import cut_line, fit_quotes, head_of, units
from stanch.sinks.text import clean

OUR_MARK = "[stanch "  # how the marker of each of our notes begins
ATTACHMENT_LIMIT = 5 * 1024 * 1024
_HEX = re.compile(r"[0-9a-f]{16,64}")

Found = TypeVar("Found")


def hex_key(key: str) -> str:
    """The idempotency key in hex; a key in another form is hashed, so that it can be part of a query."""
    return key if _HEX.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def mark_of(marker: str) -> str:
    """What a note has in its text to be found again."""
    return f"[stanch {hex_key(marker)[:32]}]"


def note_marker(*parts: str) -> str:
    """A marker for a note that belongs to another change, the same each time."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def resolution_word(resolution: str) -> str:
    """Our word for a resolution; playbooks also say that the fix was verified."""
    return "fixed" if resolution == "fixed_and_verified" else resolution


@dataclass(frozen=True)
class Patience:
    """How long "not found" is doubted after a create that nobody knows the end of.

    Args:
        window: seconds after the create until it is believed.
        poll: seconds between two looks.
        hold: seconds of the window for which a thread waits; beyond them the caller comes back.
    """

    window: float
    poll: float
    hold: float


def settle(lookup: Callable[[], Found | None], *, since: datetime | None, patience: Patience) -> Found | None:
    """Look until something is found or the window after `since` has passed; without `since`, look once.

    A search index and a request still running at the vendor both need time before "not found" means anything.

    Raises:
        Uncertain: the window is longer than a thread should wait; says when to look again, each time later.
    """
    begun = time.monotonic()
    while True:
        # The time is taken first: the last look must come after the window, not before its end.
        past = 0.0 if since is None else max(0.0, (datetime.now(UTC) - since).total_seconds())
        left = 0.0 if since is None else patience.window - past
        found = lookup()
        if found is not None or left <= 0:
            return found
        held = patience.hold - (time.monotonic() - begun)
        if held <= 0:
            raise _not_yet(min(left, max(past, patience.poll)))
        time.sleep(min(patience.poll, left, held))


def _not_yet(seconds: float) -> Uncertain:
    return Uncertain(
        "a ticket that may have been made is not to be seen yet",
        retry_after=seconds,
        sent=False,
        hint="Stanch looks again; it makes one only when none has come up within `settle`",
    )


def summary_line(text: str, *, limit: int) -> str:
    """One line for a summary field; never empty, since trackers refuse that."""
    return cut_line(text, limit) or "Finding"


def body_text(draft: TicketDraft, *, limit: int, remarks: tuple[str, ...] = ()) -> str:
    """The draft's body, remarks and case, within the limit; what is cut is said."""
    tail = "\n\n".join((*remarks, f"Stanch case {draft.case_id}"))
    return fit(clean(draft.body), limit=limit - units(tail) - 2, case_id=draft.case_id) + "\n\n" + tail


def fit(text: str, *, limit: int, case_id: str = "") -> str:
    """The text, cut to the limit between its pieces, with a line that says where the rest is."""
    if units(text) <= limit:
        return text
    text = fit_quotes(text, limit)
    if units(text) <= limit:
        return text
    where = f"the whole text is in case {case_id}" if case_id else "the whole text is in the case"
    notice = f"\n\n[cut here; {where}]"
    return head_of(text, limit - units(notice)) + notice


def attachment_name(name: str, content: bytes) -> str:
    """The file's name with the start of its SHA-256, which makes attaching twice recognisable.

    Raises:
        Rejected: the content is empty or above the limit.
    """
    if not content:
        raise Rejected("the attachment is empty")
    if len(content) > ATTACHMENT_LIMIT:
        raise Rejected("the attachment is above 5 MiB", hint="attach a part of it; the case keeps all of it")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-80:].lstrip(".") or "evidence"
    stem, dot, suffix = plain.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return f"{stem}-{digest}.{suffix}" if dot and stem else f"{plain}-{digest}"


def header(headers: Mapping[str, str], name: str) -> str:
    """A header by name in any case."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def not_authentic(system: str) -> IntakeError:
    """One answer for every way in which a callback is not authentic."""
    return IntakeError(f"the {system} callback is not authentic", status=401, code="I401")
