"""Unmistakable credentials and personal data, in the forms in which reports carry them, and how to plant them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

MARK = "Canary7Secret9Value"


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


JWT = ".".join(
    base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
    for part in ('{"alg":"RS256"}', '{"sub":"canary"}', f"{MARK}{MARK}")
)
MAIL = "canary7secret9@mail.example.org"
CARD = "4929 1234 5678 9015"
PHONE = "+49 170 7777 9999"
AWS = "AKIACANARY7SECRET9VA"
NESTED = json.dumps({"raw": json.dumps({"password": MARK, "mail": MAIL, "n": {"token": JWT}})})

# name: (text to plant, what may be found nowhere)
FORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bearer": (f"Authorization: Bearer {JWT}", (JWT[:40], JWT[-30:])),
    "password header": (f"X-Api-Key: {MARK}\r\nHost: a.example.com", (MARK,)),
    "cookie": (f"Cookie: theme=dark; session={MARK}", (MARK,)),
    "password": (f"login failed with password={MARK} for joe", (MARK,)),
    "card": (f"card {CARD} was returned", ("4929 1234", "5678 9015")),
    "personal": (f"mail {MAIL}, phone {PHONE}", (MAIL, "canary7secret9", "7777 9999")),
    "aws": (f"keys {AWS} / aws_secret_access_key={MARK}aBcDeFgHiJkLmNoPq1234", (MARK,)),
    "url": (f"https://joe:{MARK}@a.example.com/x?token={MARK}&mail={quote(MAIL)}", (MARK, "canary7secret9")),
    "url encoded": (
        quote(f"password={MARK}&card={CARD}", safe=""),
        (MARK, "4929 1234", "4929%201234", "4929%25201234"),
    ),
    "base64": (
        _b64(f"POST /login HTTP/1.1\r\nCookie: sid={MARK}\r\n\r\nmail={MAIL}"),
        (_b64(f"POST /login HTTP/1.1\r\nCookie: sid={MARK}")[:40], MARK),
    ),
    "nested JSON": (NESTED, (MARK, JWT[:40], "canary7secret9")),
}


def leaks(text: str, form: str) -> list[str]:
    """What of a planted form is in a text, in any capitals."""
    lowered = text.lower()
    return [secret for secret in FORMS[form][1] if secret.lower() in lowered]


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every string of a document with its place."""
    if isinstance(value, str):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from strings(item, (*path, name))


_FREE_KEY = re.compile(
    r"header|cookie|url|(?<!sec)uri|path|request|response|payload|body|desc|message|title|text|detail|evidence|remed|solution"
    r"|recommend|summary|note|comment|query|raw|reason|attack|param|poc|curl",
    re.IGNORECASE,
)


def is_free(path: tuple[Any, ...], value: str) -> bool:
    """Whether a sender writes what it likes here: prose, URLs, paths, requests, headers."""
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    return " " in value or "://" in value or value.count("/") > 1 or bool(_FREE_KEY.search(name))


def planted(document: Any, text: str, where: Callable[[tuple[Any, ...], str], bool]) -> tuple[Any, int]:
    """A copy of the document with the text appended to every chosen string, and how many there were."""
    copy = json.loads(json.dumps(document))
    places = [path for path, value in strings(copy) if path and where(path, value)]
    for path in places:
        node = copy
        for name in path[:-1]:
            node = node[name]
        value = node[path[-1]]
        node[path[-1]] = f"{value}?next={quote(text)}" if "://" in value and " " not in value else f"{value} {text}"
    return copy, len(places)
