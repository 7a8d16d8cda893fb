"""Blocks as Deny statements of an API's resource policy; pure, and foreign statements are kept as they are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, cast

from activities._apigw.globs import globs_of
from activities._apigw.places import Place
from activities._user_note import Note
from activities._waf.networks import networks_of
from stanch.errors import Rejected
from stanch.leases import BlockSpec, Lease
from stanch.ports import Owned
from stanch.shapes import is_dict, is_list

Statement = dict[str, Any]
OPEN = "Stanch1Open"
MOST_LETTERS = 8192
_SID = re.compile(r"Stanch1T(?P<target>[0-9a-f]{1,64})U(?P<until>\d{1,11})C(?P<case>(?:[0-9a-f]{2})*)(?P<probe>P?)")


@dataclass(frozen=True)
class Policy:
    """A resource policy, taken apart. `rest` is what the document has beside its statements."""

    rest: Mapping[str, Any]
    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """As API Gateway gives it, which is escaped once more than it was written.

        Raises:
            Rejected: it is no policy document, so it cannot be carried over.
        """
        if not text:
            return cls({"Version": "2012-10-17"}, ())
        try:
            document = _exactly(text if re.match(r'\s*\{\s*"', text) else json.loads(f'"{text}"'))
            given = document.pop("Statement")
            statements = tuple(given) if is_list(given) else (cast("Statement", given),)
            if not all(is_dict(one) for one in statements):
                raise ValueError("a statement is no object")
            return cls(document, statements)
        except (ValueError, KeyError, AttributeError, RecursionError):
            raise Rejected("the resource policy cannot be read, so it is not changed", code="V073") from None

    @property
    def foreign(self) -> list[Statement]:
        return [one for one in self.statements if not _ours(one)]

    @property
    def owned(self) -> dict[str, Note]:
        """What stands for us, by target."""
        notes = [note_of(one) for one in self.statements]
        return {note.target: note for note in notes if note is not None}

    def with_blocks(self, blocks: Mapping[str, Sequence[Statement]], *, without: set[str]) -> Policy:
        """The same with these blocks put in or renewed, and those targets taken out.

        A policy that only denies lets nobody in, so an API that had none also gets a statement of ours that allows;
        it goes with our last block, unless somebody has come to rely on it: then what lets everybody in replaces it.
        """
        ours = [one for one in self.statements if (note := note_of(one)) and note.target not in {*blocks, *without}]
        ours += [one for given in blocks.values() for one in given]
        opened = [one for one in self.statements if one.get("Sid") == OPEN]
        opens = ours if not self.foreign else opened and not any(_opens(one, opened) for one in self.foreign)
        return Policy(self.rest, (*self.foreign, *([_open()] if opens else []), *ours))

    def __str__(self) -> str:
        """The document to be written, "" for none.

        Raises:
            Rejected: V074, it is longer than API Gateway takes.
        """
        if not self.statements:
            return ""
        text = json.dumps({**self.rest, "Statement": list(self.statements)}, separators=(",", ":"))
        if len(text) > MOST_LETTERS:
            hint = "lift a block, use a wider one, or block at the WAF"
            raise Rejected(f"the resource policy would be longer than {MOST_LETTERS} letters", code="V074", hint=hint)
        return text

    def same(self, other: Policy) -> bool:
        """In whatever order, which says nothing."""
        return sorted(_canonical([one]) for one in self.statements) == sorted(
            _canonical([one]) for one in other.statements
        )

    def stands_as(self, wanted: Policy) -> bool:
        """True where the same blocks are in it and the same foreign statements, however AWS spells and orders them."""
        return self.owned == wanted.owned and self._others() == wanted._others()

    def _others(self) -> list[str]:
        return sorted(_canonical([_sorted(one)]) for one in self.foreign)

    @property
    def beside(self) -> str:
        """A short digest of what others have in it."""
        return hashlib.sha256("\n".join(self._others()).encode()).hexdigest()[:12]

    def digest(self) -> str:
        """Of our own statements only."""
        return hashlib.sha256(_canonical([one for one in self.statements if _ours(one)]).encode()).hexdigest()


def _exactly(text: str) -> Any:
    """JSON that can be written again as it was.

    Raises:
        ValueError: a name is there twice, or a number would be written in another way.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name is there twice")
        return found

    def number(written: str) -> float:
        if repr(float(written)) != written:
            raise ValueError("a number would be written in another way")
        return float(written)

    return json.loads(text, object_pairs_hook=once, parse_float=number, parse_constant=number)


def owned_of(policy: Policy, place: Place) -> list[Owned]:
    return [
        Owned(f"policy/{place.api}/{note.target}", note.case_id, datetime.fromtimestamp(note.until, UTC), note.target)
        for note in policy.owned.values()
    ]


def compiled(
    lease: Lease, place: Place, *, canary: str, paths: Sequence[str], private: bool = False
) -> list[Statement]:
    """The statements that deny what a lease names, and its probe on the same endpoint.

    Args:
        lease: the block.
        place: the stage that serves its host.
        canary: what the probe sends as its Referer; a resource policy can compare no other header but the user agent.
        paths: of the API's resources, to see that no other one is hit.
        private: it is reached through a VPC only, where another key has the caller's address.

    Raises:
        Rejected: V072, a resource policy cannot say it, or would deny more.
    """
    spec = lease.spec
    if not isinstance(spec, BlockSpec) or (spec.principal is not None and not spec.principal.empty):
        message = "a resource policy knows addresses, paths and methods only"
        raise Rejected(message, code="V072", hint="name an address or an API key, or block it at the WAF or gateway")
    resources = _resources(spec, place, paths)
    if not spec.ips:
        return [_deny(lease, resources, {})]
    networks = list(networks_of(spec.ips))
    address = "aws:VpcSourceIp" if private else "aws:SourceIp"
    statements = [_deny(lease, resources, {"IpAddress": {address: networks}})]
    if canary:
        statements.append(_deny(lease, resources, {"StringEquals": {"aws:Referer": canary}}, probe="P"))
    return statements


def note_of(statement: Statement) -> Note | None:
    """Case, end and target, from the statement's id alone."""
    found = _SID.fullmatch(str(statement.get("Sid", "")))
    if found is None:
        return None
    case = bytes.fromhex(found["case"]).decode("ascii", "replace")
    return Note(case, int(found["until"]), found["target"])


def _ours(statement: Statement) -> bool:
    return is_dict(statement) and (statement.get("Sid") == OPEN or note_of(statement) is not None)


def _deny(lease: Lease, resources: list[str], condition: Mapping[str, Any], *, probe: str = "") -> Statement:
    note = Note.of(lease)
    sid = f"Stanch1T{note.target}U{note.until}C{note.case_id[:64].encode().hex()}{probe}"
    base = {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": resources}
    return base | ({"Condition": dict(condition)} if condition else {})


def _open() -> Statement:
    allow = {"Sid": OPEN, "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke"}
    return allow | {"Resource": ["execute-api:/*"]}


def _opens(statement: Statement, opened: Sequence[Statement]) -> bool:
    """Lets everybody call all of the API, in the words of our own statement or those that AWS has made of them."""
    if statement.keys() & {"Condition", "NotPrincipal", "NotAction", "NotResource"}:
        return False
    actions = {action.lower() for action in _listed(statement.get("Action"))}
    wide = {"*", "execute-api:/*", *(resource for one in opened for resource in _listed(one.get("Resource")))}
    everybody = statement.get("Effect") == "Allow" and _plain(statement.get("Principal")) in ("*", {"AWS": "*"})
    calls = actions & {"*", "execute-api:*", "execute-api:invoke"}
    return everybody and bool(calls) and bool(wide & {*_listed(statement.get("Resource"))})


def _listed(value: Any) -> list[str]:
    return [str(item) for item in (value if is_list(value) else [value])]


def _resources(spec: BlockSpec, place: Place, paths: Sequence[str]) -> list[str]:
    methods = sorted({method.upper() for method in spec.methods}) or ["*"]
    if any(not re.fullmatch(r"[A-Z]{1,10}|\*", method) for method in methods):
        raise Rejected("a method to block is not one of HTTP", code="V072")
    return [f"execute-api:/{place.stage}/{method}/{glob}" for method in methods for glob in globs_of(spec.path, paths)]


def _canonical(statements: Sequence[Statement]) -> str:
    """Without the account and API that AWS writes into resources; one item and a list of it are the same."""
    text = json.dumps([_plain(one) for one in statements], sort_keys=True)
    return re.sub(r"arn:aws[\w-]*:execute-api:[^:\"]*:\d*:[a-z0-9]+/", "execute-api:/", text)


def _sorted(value: Any) -> Any:
    """Every list of a statement is a set, which AWS may give in another order."""
    if is_list(value):
        return sorted((_sorted(item) for item in value), key=json.dumps)
    return {name: _sorted(item) for name, item in value.items()} if is_dict(value) else value


def _plain(value: Any) -> Any:
    if is_list(value):
        return _plain(value[0]) if len(value) == 1 else [_plain(item) for item in value]
    if is_dict(value):
        return "*" if value == {"AWS": "*"} else {name: _plain(item) for name, item in value.items()}
    return value
