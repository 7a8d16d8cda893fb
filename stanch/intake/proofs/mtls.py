"""A client certificate that a trusted proxy has checked, and names in a header.

Envoy sends `X-Forwarded-Client-Cert` (envoyproxy.io, "HTTP header manipulation"); nginx and Traefik send a header of
the operator's choice with a fingerprint or a subject. The header counts only from a peer in the networks of `proxies`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from stanch.intake.networks import within
from stanch.intake.proofs.claim import FINGERPRINT_HEADER, Claim
from stanch.intake.proofs.compare import any_equal, raw

_LONGEST = 32 * 1024
_FINGERPRINT = re.compile(r"(?:[0-9a-f]{2}:?){19}[0-9a-f]{2}|(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}", re.ASCII | re.I)
_PAIR = re.compile(
    r'(?P<name>By|Hash|Cert|Chain|Subject|URI|DNS)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^",;\\]*))'
    r"(?P<end>;|, ?|\Z)"
)
_ONCE = frozenset({"Hash", "Subject"})

Element = list[tuple[str, str]]


def proven(claim: Claim) -> bool:
    """Whether a trusted proxy vouches for one of the identities that may send."""
    terms, request = claim.terms, claim.request
    trusted = bool(terms.proxies) and within(request.peer, terms.proxies)
    header = terms.header or FINGERPRINT_HEADER
    named = _envoy(request.header(header)) if header == FINGERPRINT_HEADER else [_plain(request.header(header))]
    allowed = [_normal(each) for each in (*terms.secrets, *terms.subjects) if each.strip()]
    return any_equal([raw(each) for each in allowed], [raw(each) for each in named if each]) and trusted


def flaw(secret: str) -> str:
    """What is wrong with a secret: as a secret only a fingerprint makes sense."""
    return "" if _FINGERPRINT.fullmatch(secret.strip()) else "it must be a certificate's fingerprint in hex"


def elements(header: str) -> list[Element]:
    """The elements of X-Forwarded-Client-Cert, oldest first; none at all where any of it is malformed.

    What a client sends in front of the proxy's element must not change how that is read: an odd quote anywhere
    makes the header worthless instead of moving the borders.
    """
    found: list[Element] = [[]]
    position, end = 0, ";" if header and len(header) <= _LONGEST else ""
    while end:
        pair = _PAIR.match(header, position)
        if pair is None:
            return []
        position, end = pair.end(), pair["end"]
        value = pair["plain"] if pair["quoted"] is None else re.sub(r"\\(.)", r"\1", pair["quoted"])
        found[-1].append((pair["name"], value))
        if end.startswith(","):
            found.append([])
    return found if all(map(_is_sound, found)) else []


def _is_sound(element: Element) -> bool:
    names = [name for name, _ in element]
    return bool(names) and all(names.count(name) <= 1 for name in _ONCE)


def _envoy(header: str) -> list[str]:
    """The identities in the last element, the one that our proxy added; each in a form that no other has."""
    found = elements(header)
    return list(_identities(found[-1])) if found else []


def _identities(element: Element) -> Iterable[str]:
    for name, value in element:
        is_hash, is_uri = bool(_FINGERPRINT.fullmatch(value)), "://" in value
        if (name, is_hash, is_uri) in (("Hash", True, False), ("URI", False, True), ("Subject", False, False)):
            yield _normal(value)


def _plain(header: str) -> str:
    """Traefik encodes the whole value; nginx encodes nothing, and an encoded value holds no `=`."""
    return _normal(header if "=" in header else unquote(header))


def _normal(identity: str) -> str:
    text = identity.strip()
    return text.lower().replace(":", "") if _FINGERPRINT.fullmatch(text) else text
