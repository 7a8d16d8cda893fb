"""What the tests of both trackers share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.ports import TicketDraft
from stanch.sandbox._server import Fault

KEY = "5f" * 16

# What each scripted misbehaviour of the tracker must be called, for a write and for a read.
FAULTS: list[tuple[str, Fault, type[ConnectorError], type[ConnectorError]]] = [
    ("drop before", Fault("drop_before"), Uncertain, RetrySafe),
    ("drop after commit", Fault("drop_after"), Uncertain, RetrySafe),
    ("hang", Fault("hang", seconds=2), Uncertain, RetrySafe),
    ("429 seconds", Fault("status", status=429, retry_after="7"), RetrySafe, RetrySafe),
    ("429 without", Fault("status", status=429), RetrySafe, RetrySafe),
    ("500", Fault("status", status=500), Uncertain, RetrySafe),
    ("503", Fault("status", status=503, retry_after="7"), Uncertain, RetrySafe),
    ("400", Fault("status", status=400), Rejected, Rejected),
    ("404", Fault("status", status=404), Rejected, Rejected),
    ("409", Fault("status", status=409), Rejected, Rejected),
    ("413", Fault("status", status=413), Rejected, Rejected),
    ("422", Fault("status", status=422), Rejected, Rejected),
    ("401", Fault("status", status=401), AuthBlocked, AuthBlocked),
    ("403", Fault("status", status=403), AuthBlocked, AuthBlocked),
    ("302", Fault("status", status=302), Rejected, Rejected),
    ("login page", Fault("html"), Uncertain, RetrySafe),
    ("error in 200", Fault("error_200"), Uncertain, RetrySafe),
]
FAULT_IDS = [fault[0] for fault in FAULTS]

# Texts that mean something to a query language, a renderer or a mention parser.
HOSTILE = [
    '" OR project = SEC OR labels = "x',
    "x^ORactive=true^NQactive=true",
    "javascript:gs.getUserID()",
    "[code]<script>alert(1)</script>[/code]",
    "{noformat} h1. out {noformat:title=x} {code} !http://evil.example/x.png! [~admin] [x|http://evil.example]",
    "@[maria](accountid:1) <!channel> \u202egnp.exe \x1b[2J",
]


def draft(**changes: Any) -> TicketDraft:
    given: dict[str, Any] = {
        "key": KEY,
        "case_id": "case-abc",
        "summary": "Debug endpoint is public",
        "body": "GET /mobile/debug answers without sign-in.\n\nSeen 12 times.",
    }
    return TicketDraft(**{**given, **changes})


def http_date(*, seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def exception_texts(error: BaseException) -> str:
    """Everything an error would bring into a log or a history, with what it is chained to."""
    parts: list[str] = []
    each: BaseException | None = error
    while each is not None:
        parts += [str(each), repr(each), str(getattr(each, "hint", ""))]
        each = each.__cause__ or each.__context__
    return "\n".join(parts)
