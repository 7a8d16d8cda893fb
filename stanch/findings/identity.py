"""Who is who: the identity of a problem, the correlation keys of its story, and the case id made from it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable

from pydantic_core import to_json

from stanch.findings.model import Actor, Finding, Fingerprints
from stanch.findings.paths import neutral, parse_path

_VOLATILE: dict[str, bool | set[str]] = dict.fromkeys(
    ("uid", "count", "metadata", "fingerprints", "correlation", "redactions", "unmapped", "evidence"), True
)
_VOLATILE["finding_info"] = {"first_seen_time", "last_seen_time"}
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [one + other for one in _BASE32 for other in _BASE32]

_SOURCE_PARTS = ("adapter", "source", "rule", "tool id")
_PLACE_PARTS = ("kind", "rule", "host", "port", "method", "path template", "parameter", "resource", "actor")


def digest_of(tag: str, parts: Iterable[str]) -> str:
    """SHA-256 over length-prefixed parts: no part can pretend to be two, an empty one still counts."""
    listed = tuple(parts)
    text = tag + "".join([f"|{len(part)}:{part}" for part in listed])
    if text.isascii():
        return hashlib.sha256(text.encode()).hexdigest()
    raw = [part.encode("utf-8", "surrogatepass") for part in listed]  # lengths are those in bytes
    return hashlib.sha256(b"".join((tag.encode(), *(b"|%d:%b" % (len(part), part) for part in raw)))).hexdigest()


def case_id(identity: str, key: bytes) -> str:
    """`case-` and 26 base32 characters of a keyed hash: ids are never encrypted, so they must tell nothing."""
    raw = hmac.digest(key, f"case1|{identity}".encode(), "sha256")
    return "case-" + _word(raw)


def finding_uid(made: Fingerprints, *, source: str, item: str) -> str:
    """Our id of this report: the same again when the same delivery is sent again."""
    digest = digest_of("uid1", (source, item, made.identity, made.content))
    return "fnd-" + _word(bytes.fromhex(digest))


def _word(raw: bytes) -> str:
    """The first 26 base32 characters (RFC 4648) in lower case, two at a time; the library's way is ten times slower."""
    number = int.from_bytes(raw[:17], "big") >> 6
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def fingerprints(finding: Finding, *, stable_id: bool) -> Fingerprints:
    """The identities and the content hash; empty where the finding says too little to have one.

    Severity, title, text, time and counts are in no identity. A stable id is only unique within its source, so that
    one sender can never speak for another's problem.
    """
    tool_id = finding.finding_info.uid if stable_id else ""
    identity = digest_of("src1", _source(finding, tool_id)) if tool_id else ""
    calculated = _by_template(finding)
    return Fingerprints(
        identity_src=identity,
        identity_calc=next(iter(calculated), ""),
        aliases=_aliases(identity, calculated),
        content=_content(finding),
    )


def by_templates(finding: Finding) -> Fingerprints:
    """The finding's own with the calculated identities made again, for each template that the place may be known by."""
    known, calculated = finding.fingerprints, _by_template(finding)
    aliases = _aliases(known.identity_src, calculated)
    return known.model_copy(update={"identity_calc": next(iter(calculated), ""), "aliases": aliases})


def _by_template(finding: Finding) -> tuple[str, ...]:
    if not _has_place(finding):
        return ()
    places = dict.fromkeys(map(neutral, templates_of(finding)))
    return tuple([digest_of("calc1", _calculated(finding, template)) for template in places])


def _aliases(identity: str, calculated: tuple[str, ...]) -> tuple[str, ...]:
    return (identity, *calculated) if identity else calculated


def key_parts(finding: Finding) -> dict[str, str]:
    """What the identity in use is made of, by name; empty where the finding has none."""
    if finding.fingerprints.identity_src:
        return dict(zip(_SOURCE_PARTS, _source(finding, finding.finding_info.uid), strict=True))
    if not finding.fingerprints.identity_calc:
        return {}
    return dict(zip(_PLACE_PARTS, _calculated(finding, neutral(finding.api.path_template)), strict=True))


def templates_of(finding: Finding) -> tuple[str, ...]:
    """The template in use, then the tool's own, then what the heuristic makes of the path."""
    api = finding.api
    others = (api.tool_template, parse_path(api.path).template)
    return (api.path_template, *(text for text in others if text))


def correlation(finding: Finding) -> tuple[str, ...]:
    """Keys of the stories a finding may belong to: its endpoint, its actor, its resource."""
    api = finding.api
    keys: list[tuple[str, tuple[str, ...]]] = (
        [("endpoint", (api.host, api.method, neutral(api.path_template)))] if api.host else []
    )
    keys += [("actor", (who,)) for who in map(actor_key, finding.actors[:4]) if who]
    keys += [("resource", (item.uid,)) for item in finding.resources[:4] if item.uid]
    return tuple(dict.fromkeys([f"{name}-{digest_of(name, parts)[:24]}" for name, parts in keys]))


def actor_key(actor: Actor) -> str:
    """The narrowest name of an actor: token, then user, session, client, address (IPv6 cut to /64)."""
    for label in ("token_id", "token_hash", "user_id", "session_id", "client_id"):
        value: str | None = getattr(actor, label)
        if value:
            return f"{label}={value}"
    return f"ip={_network(actor.ip)}" if actor.ip else ""


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else text


def _rule(finding: Finding) -> str:
    return finding.finding_info.analytic.uid or finding.type or next(iter(finding.owasp_api), "")


def _source(finding: Finding, tool_id: str) -> tuple[str, ...]:
    return finding.metadata.adapter.id, finding.metadata.source_id, _rule(finding), tool_id


def _calculated(finding: Finding, template: str) -> tuple[str, ...]:
    api = finding.api
    resource = "" if api.host else next((item.uid for item in finding.resources), "")
    actor = next(map(actor_key, finding.actors), "") if finding.kind == "attack" else ""
    port = str(api.port or "")
    place = (api.host, port, api.method, template, api.parameter)
    return (finding.kind, _rule(finding), *place, resource, actor)


def _has_place(finding: Finding) -> bool:
    """A rule and somewhere (or someone) it fired on: with less, strangers would be merged."""
    somewhere = finding.api.host or any(item.uid for item in finding.resources)
    someone = finding.kind == "attack" and any(map(actor_key, finding.actors))
    return bool(_rule(finding)) and bool(somewhere or someone)


def _content(finding: Finding) -> str:
    """Over the fields in the order of the model, so that equal findings give equal bytes."""
    return hashlib.sha256(to_json(finding, exclude=_VOLATILE)).hexdigest()
