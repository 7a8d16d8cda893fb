"""Takes credentials and personal data out of a report before anything of it is stored."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from stanch.intake.documents import redacted_document
from stanch.intake.scrubbing import Manner, is_harmless, scrub
from stanch.intake.secrets import MASK
from stanch.shapes import is_dict, is_items, is_mapping

_DIGEST = re.compile(r"[0-9a-f]{32,128}")
_QUERY_VALUE = re.compile(r"=[^&]*")
_LONGEST = 4096
_LONGEST_PROSE = 16384
_PROSE = frozenset({"description", "remediation"})
_ROUNDS = 6
_REMEMBERED = 1024 * 1024
_LINKS = frozenset({"src_url", "references"})
_PATHS = frozenset({"url", "path", "path_template"})
_ACTORS = frozenset({"user_id", "session_id", "client_id", "token_id", "ip"})
_NAMES = frozenset({"uid", "account", "repo", "host", "api_id", "rule", "cve"})
_TOKENS = ("token", "token_id", "session_id")
_HANDLES = frozenset({"user_id", "client_id", *_TOKENS})
_UNTOUCHED = frozenset({"schema", "first_seen", "last_seen", "time"})
_CLAIMS = {"jti": "token_id", "sub": "user_id", "client_id": "client_id", "azp": "client_id", "sid": "session_id"}
_CREDENTIALS_ONLY = Manner(personal=False)
_Clean = Callable[[str, Counter[str]], str]


class CleanTexts:
    """Texts in which there was nothing to redact, in bounded memory; texts of tools come again with every report.

    A text with something private in it is never kept here. Safe to share between threads.
    """

    def __init__(self, room: int = 4 * _REMEMBERED) -> None:
        self._size = self._room = room
        self.texts: set[tuple[str, str]] = set()  # each with the name of its field

    def add(self, name: str, text: str) -> None:
        """Keep a text that was looked through."""
        if len(text) > _LONGEST:
            return
        self._room -= 200 + 2 * len(text)
        if self._room < 0:
            self.texts, self._room = set(), self._size
        self.texts.add((name, text))


class Redactor:
    """Redacts reports (the words of `FindingReport`), free text and whole documents.

    Users and addresses of the actor stay: containment needs them. In other names and ids a keyed hash stands for
    personal data, so that two problems never become one. A raw token, also in the place of an identifier,
    becomes a keyed hash and, for a JWT, the identifiers inside it: a masked identifier would be somebody to block.
    What was redacted once is remembered for the life of the object, in bounded memory: make one for each delivery.

    Args:
        key: for the hashes of tokens; a hash without a key could be guessed for short tokens.
        clean: what earlier deliveries had that needed nothing.
    """

    def __init__(self, key: bytes = b"", *, clean: CleanTexts | None = None) -> None:
        self._key = key
        self._clean = CleanTexts(0) if clean is None else clean
        self._name = Manner(stand_in=self._stand_in)
        self._known: dict[tuple[str, str], tuple[str, Counter[str]]] = {}
        self._room = _REMEMBERED

    def report(self, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
        """A redacted copy, and how often each rule struck."""
        counts: Counter[str] = Counter()
        made = {name: self._value(name, value, counts) for name, value in data.items()}
        return made, dict(sorted(counts.items())) if counts else {}

    def text(self, text: str, counts: Counter[str] | None = None) -> str:
        """Free text, with what is hidden in URL encoding, HTML entities, backslash escapes and base64."""
        return scrub(text, Counter() if counts is None else counts)

    def document(self, document: Any, *, limit: int) -> str:
        """Any JSON value as redacted JSON text of at most about `limit` characters, for what nobody could map."""
        return redacted_document(document, limit=limit)

    def token_hash(self, token: str) -> str:
        """Keyed hash of a credential: equal tokens can be told, the token cannot be found."""
        return hmac.new(self._key, f"token1|{token}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _value(self, name: str, value: Any, counts: Counter[str]) -> Any:
        if isinstance(value, str):
            return self._string(name, value, counts)
        if value is None or isinstance(value, float):
            return value
        if isinstance(value, int) and abs(value) >= 10**11:
            text = self._string(name, str(value), counts)
            return text if MASK in text else value
        if is_items(value):
            return [self._value(name, item, counts) for item in value]
        if is_mapping(value) and _HANDLES.isdisjoint(value):
            return {key: self._value(key, item, counts) for key, item in value.items()}
        if is_mapping(value):
            made = {key: self._value(key, item, counts) for key, item in value.items() if key != "token"}
            handles = {name: text for name, text in made.items() if name not in _HANDLES or not _is_masked(text)}
            return handles | self._token(value, handles, counts)
        return value

    def _string(self, name: str, text: str, counts: Counter[str]) -> str:
        if (name, text) in self._clean.texts:
            return text
        if name == "token_hash":
            return text if not text or _DIGEST.fullmatch(text) else self.token_hash(text)
        if name in _UNTOUCHED or is_harmless(text):
            return text
        kind, clean = self._kind(name, text)
        known = self._known.get((kind, text))
        if known is None:
            limit = _LONGEST_PROSE if name in _PROSE else _LONGEST
            known = self._known[kind, text] = _settled(clean, text, limit=limit)
            if known[0] == text and not known[1]:
                self._clean.add(name, text)
            self._room -= 200 + 2 * len(text) + len(known[0])
            if self._room < 0:
                self._known, self._room = {}, _REMEMBERED
        if known[1]:
            counts.update(known[1])
        return known[0]

    def _kind(self, name: str, text: str) -> tuple[str, _Clean]:
        """How the text of a field is redacted; fields of one kind share what is remembered."""
        if name in _PATHS or (name in _NAMES and "://" in text and "?" in text):
            return "path", _path
        if name in _NAMES:
            return "name", self._clean_name
        if name in _ACTORS:
            return "actor", _actor
        if name in _LINKS:
            return "link", _link
        return ("prose" if name in _PROSE else "text"), scrub

    def _clean_name(self, text: str, counts: Counter[str]) -> str:
        return scrub(text, counts, self._name)

    def _stand_in(self, text: str) -> str:
        digest = hmac.new(self._key, b"name1|" + text.lower().encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return f"[redacted:{digest[:10]}]"

    def _token(self, given: Mapping[str, Any], made: Mapping[str, Any], counts: Counter[str]) -> dict[str, Any]:
        token = next((given[name] for name in _TOKENS if given.get(name) and name not in made), None)
        if not isinstance(token, str) or not token:
            return {}
        counts["token"] += 1
        bare = token.strip().split()[-1] if token.strip() else token
        named = {name: value for name, value in _claims(bare).items() if not made.get(name)}
        return {"token_hash": made.get("token_hash") or self.token_hash(bare), **named}


def _settled(clean: _Clean, text: str, *, limit: int) -> tuple[str, Counter[str]]:
    """Redacted until nothing changes, so that redacting again changes nothing either."""
    counts: Counter[str] = Counter()
    for _ in range(_ROUNDS):
        if len(text) > limit:
            text = _cut(text, limit, clean(text[:limit], Counter()))
        found = clean(text, counts)
        if found == text:
            return text, counts
        text = found
    return MASK, counts


def _actor(text: str, counts: Counter[str]) -> str:
    return scrub(text, counts, _CREDENTIALS_ONLY)


def _path(text: str, counts: Counter[str]) -> str:
    """A path or URL: a segment that holds something private becomes a placeholder, query values go."""
    head, _, _ = text.partition("#")
    head, mark, query = head.partition("?")
    scheme, slashes, rest = head.rpartition("://")
    authority, slash, path = rest.partition("/") if slashes else ("", "/" if rest[:1] == "/" else "", rest)
    authority = authority.rpartition("@")[2]
    path = path[1:] if not slashes and slash else path
    segments = "/".join(_segment(part, counts) for part in path.split("/"))
    masked = _QUERY_VALUE.sub("=", query)
    return scrub(f"{scheme}{slashes}{authority}{slash}{segments}{mark}{masked}", counts)


def _segment(part: str, counts: Counter[str]) -> str:
    if is_harmless(part):
        return part
    plain = unquote(part)
    return part if scrub(plain, counts) == plain else "{p}"


def _link(text: str, counts: Counter[str]) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return MASK
    if not parts.query and "@" not in parts.netloc:
        return scrub(text, counts)
    query = _QUERY_VALUE.sub(f"={MASK}", parts.query)
    counts["query_value"] += parts.query.count("=") - parts.query.count(f"={MASK}")
    cleaned = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))
    return scrub(cleaned, counts)


def _is_masked(value: Any) -> bool:
    return isinstance(value, str) and "[redacted" in value


def _cut(text: str, limit: int, cleaned: str) -> str:
    """Twice what any field keeps, ending between words, or in the middle of what is redacted already.

    Either way no secret is cut in half and then not recognised, and no text costs more than this.
    """
    kept = text[:limit].rsplit(None, 1)
    return kept[0] if len(kept) > 1 else cleaned[: limit // 2]


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
