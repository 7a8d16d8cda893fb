"""Takes credentials and personal data out of a report before anything of it is stored."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from stanch.intake.secrets import MASK, RULES, Rule, decoded_base64
from stanch.shapes import is_dict, is_items, is_mapping

_BASE64 = re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{20,}={0,2}(?![\w+/])")
_DIGEST = re.compile(r"[0-9a-f]{32,128}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_QUERY_VALUE = re.compile(r"=[^&]*")
# Most strings are a word or two: one look tells that no rule can match (rules without a trigger all need a digit).
_POSSIBLE = re.compile("|".join([r"\d", *(re.escape(trigger) for rule in RULES for trigger in rule.triggers)]))
_CREDENTIALS = tuple(rule for rule in RULES if rule.credential)
_LONGEST = 16384
_LINKS = frozenset({"src_url", "references"})
_PATHS = frozenset({"url", "path", "path_template"})
_IDENTIFIERS = frozenset(
    {"uid", "user_id", "session_id", "client_id", "token_id", "account", "repo", "host", "api_id", "rule", "ip", "cve"}
)
_TOKENS = ("token", "token_id", "session_id")
_HANDLES = frozenset({"user_id", "client_id", *_TOKENS})
_UNTOUCHED = frozenset({"schema", "first_seen", "last_seen", "time"})
_CLAIMS = {"jti": "token_id", "sub": "user_id", "client_id": "client_id", "azp": "client_id", "sid": "session_id"}


class Redactor:
    """Redacts reports (the words of `FindingReport`) and free text.

    Users and addresses of the actor stay: containment needs them. A raw token, also in the place of an identifier,
    becomes a keyed hash and, for a JWT, the identifiers inside it: a masked identifier would be somebody to block.

    Args:
        key: for the hashes of tokens; a hash without a key could be guessed for short tokens.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    def report(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
        """A redacted copy, and how often each rule struck."""
        counts: Counter[str] = Counter()
        return {name: self._value(name, value, counts) for name, value in data.items()}, dict(sorted(counts.items()))

    def text(self, text: str, counts: Counter[str] | None = None) -> str:
        """Free text, with what is hidden in URL encoding and base64."""
        counts = Counter() if counts is None else counts
        found = self._apply(RULES, text, counts)
        if "%" in found and _ESCAPE.search(found):
            found = self._decoded(found, counts)
        return _BASE64.sub(lambda match: self._base64(match.group(), counts), found)

    def token_hash(self, token: str) -> str:
        """Keyed hash of a credential: equal tokens can be told, the token cannot be found."""
        return hmac.new(self._key, f"token1|{token}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _value(self, name: str, value: Any, counts: Counter[str]) -> Any:
        if isinstance(value, str):
            return self._string(name, value, counts)
        if is_items(value):
            return [self._value(name, item, counts) for item in value]
        if is_mapping(value):
            made = {key: self._value(key, item, counts) for key, item in value.items() if key != "token"}
            handles = {name: text for name, text in made.items() if name not in _HANDLES or not _is_masked(text)}
            return handles | self._token(value, handles, counts)
        return value

    def _string(self, name: str, text: str, counts: Counter[str]) -> str:
        if not text or name in _UNTOUCHED:
            return text
        text = _cut(text)
        if name == "token_hash":
            return text if _DIGEST.fullmatch(text) else self.token_hash(text)
        if name in _IDENTIFIERS and not ("://" in text and "?" in text):
            return self._apply(_CREDENTIALS, text, counts)
        if name in _PATHS or name in _IDENTIFIERS:
            return self._path(text, counts)
        if name in _LINKS:
            return self._link(text, counts)
        return self.text(text, counts)

    def _token(self, given: Mapping[str, Any], made: Mapping[str, Any], counts: Counter[str]) -> dict[str, Any]:
        token = next((given[name] for name in _TOKENS if given.get(name) and name not in made), None)
        if not isinstance(token, str) or not token:
            return {}
        counts["token"] += 1
        bare = token.strip().split()[-1] if token.strip() else token
        named = {name: value for name, value in _claims(bare).items() if not made.get(name)}
        return {"token_hash": made.get("token_hash") or self.token_hash(bare), **named}

    def _apply(self, rules: tuple[Rule, ...], text: str, counts: Counter[str]) -> str:
        lowered = text.lower()
        if not _POSSIBLE.search(lowered):
            return text
        for rule in rules:
            if not rule.triggers or any(trigger in lowered for trigger in rule.triggers):
                text = rule.pattern.sub(lambda match, rule=rule: self._mask(rule, match, counts), text)  # type: ignore[misc]
        return text

    def _mask(self, rule: Rule, match: re.Match[str], counts: Counter[str]) -> str:
        if not rule.check(match.group()):
            return match.group()
        counts[rule.name] += 1
        return (match.groupdict().get("keep") or "") + MASK

    def _decoded(self, text: str, counts: Counter[str]) -> str:
        plain = unquote(text)
        found = self._apply(RULES, plain, counts)
        return text if found == plain else found

    def _base64(self, text: str, counts: Counter[str]) -> str:
        plain = decoded_base64(text)
        if len(plain) < 8 or self._apply(RULES, plain, Counter()) == plain:
            return text
        counts["base64"] += 1
        return MASK

    def _path(self, text: str, counts: Counter[str]) -> str:
        """A path or URL: a segment that holds something private becomes a placeholder, query values go."""
        head, _, _ = text.partition("#")
        head, mark, query = head.partition("?")
        scheme, slashes, rest = head.rpartition("://")
        authority, slash, path = rest.partition("/") if slashes else ("", "/" if rest[:1] == "/" else "", rest)
        authority = authority.rpartition("@")[2]
        path = path[1:] if not slashes and slash else path
        segments = "/".join(self._segment(part, counts) for part in path.split("/"))
        masked = _QUERY_VALUE.sub("=", query)
        return f"{scheme}{slashes}{authority}{slash}{segments}{mark}{masked}"

    def _segment(self, part: str, counts: Counter[str]) -> str:
        if not part:
            return part
        plain = unquote(part)
        return part if self.text(plain, counts) == plain else "{p}"

    def _link(self, text: str, counts: Counter[str]) -> str:
        try:
            parts = urlsplit(text)
        except ValueError:
            return MASK
        if not parts.query and "@" not in parts.netloc:
            return self.text(text, counts)
        query = _QUERY_VALUE.sub(f"={MASK}", parts.query)
        counts["query_value"] += parts.query.count("=")
        cleaned = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))
        return self.text(cleaned, counts)


def _is_masked(value: Any) -> bool:
    return isinstance(value, str) and MASK in value


def _cut(text: str) -> str:
    """Twice what any field keeps, ending between words: no secret is cut in half, no text costs more than this."""
    if len(text) <= _LONGEST:
        return text
    kept = text[:_LONGEST].rsplit(None, 1)
    return kept[0] if len(kept) > 1 else kept[0][: _LONGEST // 2]


def _claims(token: str) -> dict[str, str]:
    """The identifiers in a JWT, unverified: who to look at, not proof of anything."""
    parts = token.split(".")
    if len(parts) != 3 or not token.startswith("eyJ"):
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    if not is_dict(payload):
        return {}
    found: dict[str, str] = {}
    for claim, name in _CLAIMS.items():
        value = payload.get(claim)
        if isinstance(value, str) and value:
            found.setdefault(name, value[:512])
    return found
