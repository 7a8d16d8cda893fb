"""Which requests nginx served and which of our rules denied them: its access log joined with ModSecurity's words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from activities._access_log import Line, LogView, newest_first, parse_line, read_log
from activities._edge.rules import sealed_target, target_in

_LIMIT = 64 << 20
_ZONES = timedelta(hours=26)  # nginx writes its own local time, which may not be ours
_SAYS = b"ModSecurity: "
_DENIED = b"Access denied"
_NAME = re.compile(rb'\[msg "(stanch-[\w-]{1,160})"\]')
_SEAL = re.compile(rb'\[tag "([0-9A-Za-z]{21,100})"\]')
_REQUEST = re.compile(rb'\[unique_id "([0-9a-f]{32})"\]')


def read_requests(access_log: Path, error_log: Path, *, secret: bytes, since: datetime) -> LogView:
    """Requests since a time, newest first, with the rule that denied or would have denied each."""
    said = _decisions(error_log, secret=secret, since=since)

    def parse(raw: bytes) -> Line | None:
        line = parse_line(raw)
        if line is None:
            return None
        denied, name = said.get(str(json.loads(raw).get("id", "")), (False, ""))
        return replace(line, policy=name if denied else "", shadow_policy="" if denied else name)

    return read_log(access_log, since=since, parse=parse)


def _decisions(path: Path, *, secret: bytes, since: datetime) -> Mapping[str, tuple[bool, str]]:
    """By request id: whether it was denied, and by which rule of ours."""
    found: dict[str, tuple[bool, str]] = {}
    first = f"{since.astimezone() - _ZONES:%Y/%m/%d %H:%M}".encode()
    try:
        for raw in newest_first(path, limit=_LIMIT):
            if raw[:1].isdigit() and raw[: len(first)] < first:
                break
            if _SAYS in raw and (name := _rule(raw, secret)):
                for request in _REQUEST.findall(raw)[-1:]:
                    found.setdefault(request.decode(), (_DENIED in raw, name))
    except OSError:
        return {}
    return found


def _rule(raw: bytes, secret: bytes) -> str:
    """The rule whose name and seal belong together: requests can put names into this line, but no seals."""
    targets = {sealed_target(seal.decode(), secret) for seal in _SEAL.findall(raw)} - {""}
    names = [name.decode() for name in _NAME.findall(raw)]
    return next((name for name in names if target_in(name) in targets), "")
