"""Block specifications as WAFv2 statements: what a request must look like, in words that no re-spelling evades.

Pure: nothing here knows a rule group, a set or a client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from stanch.errors import Rejected
from stanch.leases import BlockSpec, BodyValue, Credential, LimitSpec, Principal

Statement = Mapping[str, Any]
Claims = Callable[[Mapping[str, str]], Sequence[Statement]]

MAX_PATTERN = 512  # RegexPatternString in the service model
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_][a-z0-9_-]{0,62}(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_METHOD = re.compile(r"[A-Z]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_PARAMETER = re.compile(r"\{[^{}/]+\}|\*")
_PARAMETERS = "(?:;[^/]*)?"  # `/a;v=1/b` is `/a/b` to servers with path parameters


def no_claims(_claims: Mapping[str, str]) -> Sequence[Statement]:
    """WAF verifies no token, so that a claim is only text to it.

    Raises:
        Rejected: always.
    """
    raise Rejected(
        "AWS WAF does not verify tokens, so it cannot compare who a token is for",
        hint="block at the gateway that verifies it, or name the credential by its header",
    )


@dataclass(frozen=True)
class Reading:
    """How requests look to one web ACL.

    Args:
        ignore_case: the API behind it routes paths without regard to case.
        base_paths: what may stand before the path of the API, such as `/prod` of a stage.
        claims: turns JWT claims into statements, all of which must match.
    """

    ignore_case: bool = False
    base_paths: tuple[str, ...] = ()
    claims: Claims = no_claims


def endpoint(spec: BlockSpec | LimitSpec, reading: Reading) -> list[Statement]:
    """Host, path and methods; all must match.

    Raises:
        Rejected: WAF cannot say it.
    """
    found = [_host(spec.host)]
    if spec.path != "/**":
        found.append(_path(spec.path, reading))
    if spec.methods:
        found.append(_methods(spec.methods))
    return found


def principal(who: Principal | None, reading: Reading, *, path: str) -> list[Statement]:
    """Whose requests; all must match.

    Raises:
        Rejected: WAF cannot compare what is named, or nobody is.
    """
    if who is None:
        return []
    if who.api_key:
        raise Rejected("AWS WAF cannot tell API keys apart by their id", hint="name the key by `header`, or its point")
    if who.token_hash and not who.token_id:
        raise Rejected(
            "AWS WAF cannot compare the token hash of a finding, which is keyed or covers only part of a header",
            hint="name the credential by `header` with the SHA-256 of the header's whole value",
        )
    found = [*reading.claims(who.claims())] if who.claims() else []
    if who.header:
        found.append(_digest({"SingleHeader": {"Name": _name(who.header).lower()}}, who.header.sha256))
    if who.cookie:
        found.append(_cookie(who.cookie))
    if who.body:
        found.append(_body(who.body, path))
    if not found:
        raise Rejected("the block names a principal without saying who", hint="give a header, cookie or body value")
    return found


def probe_header(name: str, value: str) -> Statement:
    """Exactly this header; what probes send."""
    return bytes_match({"SingleHeader": {"Name": name}}, value.encode())


def all_of(statements: Sequence[Statement]) -> Statement:
    return statements[0] if len(statements) == 1 else {"AndStatement": {"Statements": list(statements)}}


def any_of(statements: Sequence[Statement]) -> Statement:
    return statements[0] if len(statements) == 1 else {"OrStatement": {"Statements": list(statements)}}


def bytes_match(field: Mapping[str, Any], text: bytes, *transformations: str, where: str = "EXACTLY") -> Statement:
    """One byte match; at most 200 bytes, which every caller's own limit is below."""
    body = {"SearchString": text, "FieldToMatch": field, "PositionalConstraint": where}
    return {"ByteMatchStatement": body | _transformed(*transformations)}


def _regex(field: Mapping[str, Any], pattern: str, *transformations: str) -> Statement:
    if len(pattern) > MAX_PATTERN:
        raise Rejected(f"the expression for this block is longer than {MAX_PATTERN} characters", hint="use `/**`")
    return {"RegexMatchStatement": {"RegexString": pattern, "FieldToMatch": field, **_transformed(*transformations)}}


def _transformed(*kinds: str) -> dict[str, Any]:
    shown = [{"Priority": number, "Type": kind} for number, kind in enumerate(kinds or ("NONE",))]
    return {"TextTransformations": shown}


def _host(host: str) -> Statement:
    """The host in any case, with or without port (which may be empty, RFC 3986) and root dot."""
    name = host.lower().rstrip(".")
    if not _HOST.fullmatch(name):
        raise Rejected("the host to block is not one host name", hint="a block names one host, without wildcards")
    return _regex({"SingleHeader": {"Name": "host"}}, rf"^{re.escape(name)}\.?(?::[0-9]*)?$", "LOWERCASE")


def _path(template: str, reading: Reading) -> Statement:
    """The path after percent-decoding, without `//`, `/./` and `/../`, so that no re-spelling gets by."""
    transformations = ["URL_DECODE", "NORMALIZE_PATH", *(["LOWERCASE"] if reading.ignore_case else [])]
    pattern = path_pattern(template, base_paths=reading.base_paths, ignore_case=reading.ignore_case)
    return _regex({"UriPath": {}}, pattern, *transformations)


def path_pattern(template: str, *, base_paths: Sequence[str] = (), ignore_case: bool = False) -> str:
    """A template as an anchored expression over the decoded path, in what PCRE and Python read alike.

    `{x}` and `*` are one segment or part of it, a last `**` is the subtree with its root; a trailing slash is optional.

    Raises:
        Rejected: it is no path template, or names characters whose encoding WAF leaves open.
    """
    head, subtree = (template[:-3], True) if template.endswith("/**") else (template, False)
    if not template.startswith("/") or "**" in head or "?" in head or "#" in head:
        raise Rejected("the path to block is not a path template", hint="write /users/{id} or /mobile/**")
    body = "".join("/" + _segment(part) for part in head.split("/") if part)
    base = f"(?:{'|'.join(_literal(path.rstrip('/')) for path in base_paths)})?" if base_paths else ""
    # What follows a subtree's root is left open, since `.` and `$` are about lines and a path may hold a line feed.
    pattern = f"^{base}{body}{'(?:/|$)' if subtree else '/?$' if body else '/$'}"
    return pattern.lower() if ignore_case else pattern


def _segment(segment: str) -> str:
    parts: list[str] = []
    end = 0
    for parameter in _PARAMETER.finditer(segment):
        parts += [_literal(segment[end : parameter.start()]), "[^/]+"]
        end = parameter.end()
    rest = _literal(segment[end:])
    return "".join([*parts, rest]) + (_PARAMETERS if rest else "")


def _literal(text: str) -> str:
    raw = unquote_to_bytes(text)
    if any(not 0x20 <= byte < 0x7F for byte in raw):
        raise Rejected(
            "the path to block has characters outside ASCII, which AWS WAF compares as its server sends them",
            hint="block the part of the path before them with /**",
        )
    return re.escape(raw.decode()).replace(r"\+", "[+ ]")  # decoding may read it as a space


def _methods(methods: Sequence[str]) -> Statement:
    names = sorted({method.upper() for method in methods})
    if not all(_METHOD.fullmatch(name) for name in names):
        raise Rejected("a method to block is not an HTTP method")
    if len(names) == 1:
        return bytes_match({"Method": {}}, names[0].encode())
    return _regex({"Method": {}}, f"^(?:{'|'.join(names)})$")


def _name(credential: Credential) -> str:
    if not _NAME.fullmatch(credential.name):
        raise Rejected("a header or cookie to compare has no name that HTTP allows")
    return credential.name


def _digest(field: Mapping[str, Any], sha256: str) -> Statement:
    return bytes_match(field, bytes.fromhex(sha256), "SHA256")


def _cookie(cookie: Credential) -> Statement:
    pattern = {"IncludedCookies": [_name(cookie)]}
    return _digest(
        {"Cookies": {"MatchPattern": pattern, "MatchScope": "VALUE", "OversizeHandling": "CONTINUE"}}, cookie.sha256
    )


def _body(body: BodyValue, path: str) -> Statement:
    """A body is read only to a limit, and one that is no JSON not at all: never the only thing that is compared."""
    if path == "/**":
        raise Rejected("a body value alone is too little to block by", hint="name the path, too")
    value = body.value.encode()
    if len(value) > 200:
        raise Rejected("AWS WAF compares at most 200 bytes of a body value")
    field = {
        "MatchPattern": {"IncludedPaths": [body.pointer]},
        "MatchScope": "VALUE",
        "InvalidFallbackBehavior": "NO_MATCH",
        "OversizeHandling": "CONTINUE",
    }
    return bytes_match({"JsonBody": field}, value)
