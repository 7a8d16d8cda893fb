"""The keyed hash chain of the ledger: how an entry is sealed, and how a chain is checked without the database."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from stanch.canonical import canonical, rfc3339
from stanch.records.columns import storable
from stanch.shapes import is_items, is_mapping

START = "0" * 64
ERASED = "ledger.erased"


@dataclass(frozen=True)
class Entry:
    """One line of a case's ledger, before it is sealed.

    Args:
        key: unique within case and episode; the same key again is ignored.
        event: what happened, such as `case.opened`; `X.intent` and `X.outcome` speak of an effect.
        effect: idempotency key of the effect an intent or outcome belongs to.
        data: JSON, already redacted.
    """

    case_id: str
    episode: str
    key: str
    time: datetime
    actor: str
    event: str
    step: str = ""
    effect: str = ""
    plan_digest: str = ""
    request_digest: str = ""
    response_digest: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Sealed(NamedTuple):
    """An entry in its place in the chain, as stored; `data` and `salt` are None once erased."""

    case_id: str
    seq: int
    episode: str
    key: str
    time: str
    actor: str
    event: str
    step: str
    effect: str
    plan_digest: str
    request_digest: str
    response_digest: str
    data: str | None
    salt: str | None
    data_digest: str
    prev_hash: str
    hash: str


class Head(NamedTuple):
    """The end of one case's chain; without it a cut-off tail could not be seen."""

    case_id: str
    ordinal: int
    entries: int
    last_hash: str
    mac: str


class Root(NamedTuple):
    """How many cases there are; without it a whole case could vanish unseen."""

    cases: int
    mac: str


@dataclass(frozen=True)
class Bad:
    """The first entry that is not as it was written."""

    case_id: str
    seq: int
    why: str


@dataclass(frozen=True)
class Verification:
    """Result of checking a ledger."""

    ok: bool
    entries: int
    cases: int
    first_bad: Bad | None = None


def seal(entry: Entry, *, seq: int, prev_hash: str, key: bytes) -> Sealed:
    """Put an entry in its place: the hash covers everything, the data by a salted digest so that it can be erased."""
    data, salt = _data(entry.data), secrets.token_hex(16)
    texts = (entry.episode, entry.key, rfc3339(entry.time), entry.actor, entry.event, entry.step, entry.effect)
    digests = (entry.plan_digest, entry.request_digest, entry.response_digest)
    fields = map(storable, texts + digests)
    open_end = Sealed._make((storable(entry.case_id), seq, *fields, data, salt, commit(data, salt), prev_hash, ""))
    return open_end._replace(hash=hash_of(open_end, key))


def hash_of(row: Sealed, key: bytes) -> str:
    """The keyed hash over every field but the data, which its digest stands for, and the hash itself."""
    return _mac(key, [row[0], str(row[1]), *row[2:12], row.data_digest, row.prev_hash])


def commit(data: str, salt: str) -> str:
    """Digest that stands for the data; the salt keeps erased data from being guessed."""
    return hashlib.sha256((salt + data).encode()).hexdigest()


def seal_head(key: bytes, *, case_id: str, ordinal: int, entries: int, last_hash: str) -> Head:
    """The head of a case's chain after its newest entry."""
    mac = _mac(key, ["head", case_id, str(ordinal), str(entries), last_hash])
    return Head(case_id, ordinal, entries, last_hash, mac)


def seal_root(key: bytes, cases: int) -> Root:
    """The root after the newest case."""
    return Root(cases, _mac(key, ["root", str(cases)]))


def check(rows: Iterable[Sealed], heads: Mapping[str, Head], *, root: Root | None, key: bytes) -> Verification:
    """Check whole chains.

    Args:
        rows: sorted by case and sequence.
        heads: of the cases to be checked; with `root` these must be all cases there are.
        root: None where only some cases are checked.
        key: the key they were sealed with.
    """
    count, seen = 0, set[str]()
    for case_id, group in groupby(rows, key=attrgetter("case_id")):
        entries, bad = _check_case(case_id, group, heads.get(case_id), key)
        count += entries
        seen.add(case_id)
        if bad is not None:
            return Verification(ok=False, entries=count, cases=len(seen), first_bad=bad)
    bad = next(_check_heads(heads, seen, root=root, key=key), None)
    return Verification(ok=bad is None, entries=count, cases=len(seen), first_bad=bad)


def _check_case(case_id: str, rows: Iterator[Sealed], head: Head | None, key: bytes) -> tuple[int, Bad | None]:
    seq, last = 0, START
    blank, erased = set[int](), set[int]()
    for row in rows:
        try:
            why = _wrong(row, seq + 1, last, key)
        except (TypeError, ValueError):
            why = "is not even an entry"
        if why:
            return seq, Bad(case_id, seq + 1, why)
        seq, last = row.seq, row.hash
        if row.data is None:
            blank.add(seq)
        elif row.event == ERASED:
            erased.add(json.loads(row.data)["seq"])
    if blank - erased:
        return seq, Bad(case_id, min(blank - erased), "its data is gone and no entry says who erased it")
    why = _wrong_end(head, seq, last, key)
    return seq, Bad(case_id, seq + 1, why) if why else None


def _wrong(row: Sealed, seq: int, last: str, key: bytes) -> str:
    if row.seq != seq:
        return "entry is missing or out of order"
    if row.prev_hash != last:
        return "does not follow the entry before it"
    if row.data is not None and commit(row.data, row.salt or "") != row.data_digest:
        return "its data was changed"
    return "" if hmac.compare_digest(hash_of(row, key), row.hash) else "was changed"


def _wrong_end(head: Head | None, seq: int, last: str, key: bytes) -> str:
    if head is None:
        return "the case has no head"
    if head != seal_head(
        key, case_id=head.case_id, ordinal=head.ordinal, entries=head.entries, last_hash=head.last_hash
    ):
        return "the head of the case was changed"
    if (head.entries, head.last_hash) != (seq, last):
        return f"the end is missing: the head knows {head.entries} entries, {seq} are here"
    return ""


def _check_heads(heads: Mapping[str, Head], seen: set[str], *, root: Root | None, key: bytes) -> Iterator[Bad]:
    for case_id in sorted(heads.keys() - seen):
        # A writer that died between beginning a case and its first entry leaves an empty head.
        if _wrong_end(heads[case_id], 0, START, key):
            yield Bad(case_id, 1, "all entries of the case are missing")
    if root is None:
        return
    if root != seal_root(key, root.cases):
        yield Bad("", 0, "the count of cases was changed")
    if sorted(head.ordinal for head in heads.values()) != list(range(1, root.cases + 1)):
        yield Bad("", 0, f"a whole case is missing: {root.cases} were begun, {len(heads)} are here")


def _data(data: Mapping[str, Any]) -> str:
    try:
        return canonical(data).decode()
    except UnicodeEncodeError:
        return canonical(_clean(data)).decode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if is_mapping(value):
        return {storable(name): _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if is_items(value) else value


def _mac(key: bytes, parts: list[str]) -> str:
    return hmac.digest(key, json.dumps(parts).encode(), "sha256").hex()
