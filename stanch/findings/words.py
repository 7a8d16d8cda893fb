"""Small vocabularies brought to one spelling: OWASP categories, rule families, methods, CWE numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

_CATEGORY = re.compile(r"(?:OWASP[-_ ]?)?API[-_ ]?(?:0?([1-9])|10)(?:[:_ -]*20(?:19|23))?", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_CWE = re.compile(r"(?:CWE[-_: ]{0,2}|(?<![-\w.]))(\d{1,6})(?!\w)", re.IGNORECASE)  # no part of a date, CVE or -1

# CWE numbers that the OWASP pages of 2023 list for a category, and reviewed additions for authentication and access.
_BY_CWE: dict[int, tuple[int, ...]] = {
    **dict.fromkeys((639, 566), (1,)),
    **dict.fromkeys((862, 863, 285), (1, 5)),
    **dict.fromkeys((204, 307, 287, 306, 798, 384, 613, 1391, 1392), (2,)),
    **dict.fromkeys((213, 915, 200), (3,)),
    **dict.fromkeys((400, 770, 799), (4,)),
    918: (7,),
    **dict.fromkeys((2, 16, 209, 388, 444, 942, 319), (8,)),
    1059: (9,),
    20: (10,),
}

_ENVIRONMENTS = {
    "prod": ("prod", "production", "prd", "live"),
    "staging": ("staging", "stage", "stg", "preprod", "pre-production", "preproduction"),
    "test": ("test", "testing", "qa", "uat"),
    "dev": ("dev", "development", "local", "sandbox"),
}
_BY_ENVIRONMENT_WORD = {word: name for name, words in _ENVIRONMENTS.items() for word in words}


def environment_of(text: str) -> str:
    """`prod` for `Production`, `staging` for `pre-production`; a word of another kind stays as it is."""
    word = text.strip().lower()
    return _BY_ENVIRONMENT_WORD.get(word, word)


def known_environment(text: str) -> str:
    """The same, but empty for other words: a tool's name for a tenant must not make production look harmless."""
    return _BY_ENVIRONMENT_WORD.get(text.strip().lower(), "")


def owasp_category(text: str) -> str:
    """`API1:2023` for `API1`, `OWASP-API1`, `api1:2023`; empty where it is no API Top 10 category."""
    found = _CATEGORY.fullmatch(text.strip())
    return f"API{found.group(1) or 10}:2023" if found else ""


def categories_of_cwe(numbers: Iterable[int]) -> tuple[str, ...]:
    """Every category that the numbers speak for, in their order."""
    found = (f"API{item}:2023" for number in numbers for item in _BY_CWE.get(number, ()))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def rule_family(text: str) -> str:
    """`missing_security_policy` for `Missing Security-Policy`; at most 96 characters."""
    return _NOT_WORD.sub("_", _HUMP.sub("_", text[:200]).lower()).strip("_")[:96]


def method_of(text: str) -> str:
    """Upper-case HTTP method, OTHER for what is none, empty for nothing or several."""
    method = text.strip().upper()
    if method in METHODS or not method:
        return method
    return "OTHER" if method.isalpha() else ""


def cwe_number(value: str | int) -> int | None:
    """639 for `CWE-639`, `639` and 639."""
    found = _CWE.search(str(value)[:32])
    return int(found.group(1)) or None if found else None
