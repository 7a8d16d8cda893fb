"""What people write out of the habits of other languages, and what CEL has in its place."""

from __future__ import annotations

import re
from difflib import get_close_matches

_TEXTS = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_SINGLE = re.compile(r"(?<![&|])[&|](?![&|])")
_SYNTAX = (
    (r"={3}", "write == instead of '==='"),
    (r"!==", "write != instead of '!=='"),
    (r"<>", "write != instead of '<>'"),
    (r"\band\b", "write && instead of 'and'"),
    (r"\bor\b", "write || instead of 'or'"),
    (r"\bnot\s+in\b", "write !(x in [...]) instead of 'not in'"),
    (r"\bnot\b", "write ! instead of 'not'"),
    (r"\bis\b", "write == instead of 'is'"),
    (r"\b(like|matches)\s", "write x.contains('text') or x.matches('pattern')"),
    (r"(?<![=!<>])=(?!=)", "write == instead of '='"),
    (r"\bin\s*\(", "write a list in [ ] instead of ( )"),
    (r"[\u2018-\u201f]", "quote texts with ' or \""),
    (r"\b\d+(ms|s|m|h|d|w)\b", "write duration('24h') for a time; days are hours here"),
)
_FUNCTIONS = {
    "len": "size(x)",
    "length": "size(x)",
    "count": "size(x)",
    "any": "exists(x, test)",
    "some": "exists(x, test)",
    "every": "all(x, test)",
    "includes": "contains(text)",
    "match": "matches(pattern)",
    "search": "matches(pattern)",
    "now": "now, without brackets",
    "str": "string(x)",
    "float": "double(x)",
    "number": "double(x)",
}
_KNOWN = ("startsWith", "endsWith", "contains", "matches", "exists", "exists_one", "size", "filter", "duration")
_CASELESS = ("lower", "lowercase", "toLower", "toLowerCase", "upper", "uppercase", "toUpper", "toUpperCase")
_NAMES = {"True": "true", "False": "false", "None": "null", "nil": "null", "TRUE": "true", "FALSE": "false"}


def for_syntax(source: str) -> str:
    """A hint for text that is no expression."""
    if "{{" in source or "}}" in source:
        return "this place is an expression already: leave {{ }} and ${{ }} out"
    bare = _TEXTS.sub("''", source)
    if single := _SINGLE.search(bare):
        return f"write {single[0] * 2} instead of a single {single[0]}"
    for pattern, hint in _SYNTAX:
        if re.search(pattern, bare, re.IGNORECASE):
            return hint
    if source.count("'") % 2 or source.count('"') % 2:
        return "a quote is not closed"
    return "see docs/expressions.md"


def for_function(name: str) -> str:
    """A hint for a function that is not there."""
    if name in _FUNCTIONS:
        return f"write {_FUNCTIONS[name]}"
    if name in _CASELESS:
        return "write x.matches('(?i)^text$') to compare without case"
    close = get_close_matches(name, _KNOWN, n=1, cutoff=0.75)
    return f"did you mean '{close[0]}'?" if close else "see docs/expressions.md for the functions"


def for_name(name: str, suggestion: str) -> str:
    """A hint for a name that is not there; a word without quotes is one, too."""
    if name in _NAMES:
        return f"write {_NAMES[name]}"
    return suggestion if suggestion.startswith("did you mean") else f"{suggestion}; a text has quotes".lstrip("; ")


def for_operands(kinds: list[str], symbol: str) -> str:
    """A hint for an operator or function between types that it does not know."""
    shown = " ".join(kinds)
    if "null" in shown:
        return "use has() to ask whether a field is there"
    if "Duration" in shown:
        return "write duration('72h') for a time"
    if "list(" in shown and symbol in ("==", "!=", "contains"):
        return "write 'word' in list"
    if symbol == "[ ]":
        return "read fields with a dot"
    return "see the types in docs/reference.md"
