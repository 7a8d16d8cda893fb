"""Tokens that Envoy does not verify and APIs may take all the same: what a request with one looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from activities._jwt_text import claim_needles, readable
from stanch.leases import NAMED_CLAIMS

Policy = dict[str, Any]

_BEARER = r"(?i)bearer[ \t].*"
_READ = r"Bearer +[A-Za-z0-9_.-]+=*"  # what jwt_authn takes out whole
_JSON = r"e[w-z0-9_-][A-Za-z0-9_-]"  # how base64url begins where a JSON object does
_TOKEN = rf"(?s).*{_JSON}{{10,}}\.{_JSON}*\..*"
_NAMED = "(?:access_token|[^=&]*%(?:[67][0-9a-f]|5f)[^=&]*)="  # or with letters of its name escaped, as nobody does
_IN_QUERY = rf"(?i).*[?&]{_NAMED}.*"  # where jwt_authn looks, too (RFC 6750, 2.3)
_ESCAPED = "(?i).*%(?:3[0-9]|[46][1-9a-f]|[57][0-9a]).*"
_TWICE = rf"{_IN_QUERY}&{_NAMED}.*"


def unverified(claims: Mapping[str, str]) -> Policy:
    """Whoever may be the one of a block's claims with a token that jwt_authn does not read.

    jwt_authn looks for `Bearer ` as it stands there and for letters of base64url behind it. To an API the scheme has no
    case (RFC 9110, 11.1) or is another word (`JWT`, `Token`, none), what parts it from the token may be any blank, of
    two headers it may take the second, and some decoders skip what is not base64. Without this `bearer TOKEN` passes
    as a request without a token. Where a request has two, jwt_authn takes the one of the header, or the first.
    """
    other = [_authorization_like(_BEARER), {"not_id": _authorization({"prefix": "Bearer "})}]
    second = _authorization_like(rf"(?i).*,[ \t]*{_BEARER.removeprefix('(?i)')}")
    odd = [_authorization_like(_TOKEN), {"not_id": _authorization_like(_READ)}]
    beside = [_authorization({"safe_regex": {"regex": ".*"}}), header(":path", {"safe_regex": {"regex": _IN_QUERY}})]
    twice = header(":path", {"safe_regex": {"regex": _TWICE}})
    hidden = [*({"and_ids": {"ids": ids}} for ids in (other, odd, beside)), second, twice, *_in_text(claims)]
    return {"or_ids": {"ids": hidden}}


def _in_text(claims: Mapping[str, str]) -> list[Policy]:
    """The claims in the text of a token that jwt_authn was not told to verify: no rule for the path, or in a cookie.

    What nobody has verified stops nobody but who sends it. Some APIs decode cookies, in which nobody escapes letters.
    """
    if not (claims.keys() <= NAMED_CLAIMS.keys() and all(map(readable, claims.values()))):
        return []
    found = [{"and_ids": {"ids": [_anywhere(needles) for needles in claim_needles(claims)]}}]
    return [*found, header("cookie", {"safe_regex": {"regex": _ESCAPED}})]


def _anywhere(needles: Sequence[str]) -> Policy:
    """One of these texts, where APIs look for tokens."""
    found = [header(name, {"contains": text}) for name in ("authorization", "cookie", ":path") for text in needles]
    return {"or_ids": {"ids": found}}


def header(name: str, match: Policy) -> Policy:
    """A header of the request, or one of its pseudo headers, that matches."""
    return {"header": {"name": name, "string_match": match}}


def _authorization_like(regex: str) -> Policy:
    return _authorization({"safe_regex": {"regex": regex}})


def _authorization(match: Policy) -> Policy:
    return header("authorization", match)
