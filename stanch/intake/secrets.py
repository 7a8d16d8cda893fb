"""What credentials look like: each rule with its cheap trigger, its pattern and its check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from stanch.intake.layers import decoded_base64
from stanch.intake.secret_names import HEADERS, STRONG, WEAK

MASK = "[redacted]"
Span = tuple[int, int]


def always(_text: str) -> bool:
    """The check of a shape that nothing else has."""
    return True


@dataclass(frozen=True)
class Rule:
    """One shape.

    Args:
        name: counted under this name.
        triggers: lower-case literals, one of which must occur before the pattern is tried; none = always.
        marks: characters one of which every match needs somewhere in the text, where there are such.
        pattern: group `keep`, where there is one, survives; what follows is masked.
        check: a further test of what would be masked, for shapes that numbers and words share.
        credential: also applied to identifiers (user ids, resource names), where personal data is needed to act.
        cut: an earlier end, from the text, the start of the match, and start and end of what would be masked.
        folded: the same pattern for text in lower case, which is three times as fast as ignoring case.
    """

    name: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = always
    credential: bool = True
    cut: Callable[[str, int, int, int], int] | None = None
    folded: re.Pattern[str] | None = None
    marks: str = ""

    def occurs(self, text: str) -> bool:
        """False where there is no such shape, which is so for nearly every text."""
        return self.folded is not None or self.pattern.search(text) is not None

    def spans(self, text: str, lowered: str) -> Iterator[Span]:
        """Where this shape is; `lowered` is the text in lower case."""
        is_folded = self.folded is not None and len(lowered) == len(text)
        found = self.folded.finditer(lowered) if self.folded and is_folded else self.pattern.finditer(text)
        has_keep = "keep" in self.pattern.groupindex
        for match in found:
            start, end = match.end("keep") if has_keep else match.start(), match.end()
            end = self.cut(text, match.start(), start, end) if self.cut else end
            if end > start and self.check(text[start:end]):
                yield start, end


_PLAIN_WORD = re.compile(r"[A-Z]?[a-z]+[.,;:!?]?|[A-Z]{1,3}|-")
_NO_SECRETS = frozenset(
    {
        *("true", "false", "null", "none", "nil", "undefined", "missing", "required", "invalid", "expired"),
        *("optional", "string", "str", "int", "bool", "empty", "absent", "is", "are", "was", "were", "must"),
        *("should", "not", "no", "yes", "in", "the", "a", "an", "of", "and", "or", "with", "for", "from", "to"),
        *("header", "value", "param", "query", "cookie", "reused", "leaked", "exposed", "disclosed", "weak"),
        *("default", "unknown", "redacted", "enabled", "disabled"),
    }
)


def _is_value(text: str) -> bool:
    """Something, and not a word that says what a value is like."""
    bare = text.strip("\\\"'`*.,;:!?() ")
    return len(bare) > 1 and bare.lower() not in _NO_SECRETS and not bare.startswith(("[redacted", "${", "{{", "<"))


def _is_opaque(text: str) -> bool:
    """A value that nobody would take for prose."""
    bare = text.strip("\\\"'`*.,;:!?() ")
    return _is_value(bare) and len(bare) >= 6 and not _PLAIN_WORD.fullmatch(bare)


# Such as `Cookie: flag missing`; a longer second word, or one with other characters, is a value.
_REMARK = re.compile(
    r"(?!(?:bearer|basic|digest|token|apikey|negotiate)\b)[A-Za-z]?[a-z]+[,;]? [a-z]{2,12}(?![\w=:+/.-])"
)


def _is_header(text: str) -> bool:
    """A value, not a remark."""
    bare = text.strip("\\\"'`* ")
    return _is_value(bare.split(maxsplit=1)[0] if bare else "") and not _REMARK.match(bare)


_CLOSING = {"'": "'", '"': '"', "`": "`", ">": "<"}


def _header_end(text: str, at: int, start: int, end: int) -> int:
    """Where a header ends that stands in quotes or in a tag as a whole, as in `curl -H 'Cookie: a=b' URL`."""
    closing = _CLOSING.get(text[at - 1 : at], "")
    stop = text.find(closing, start, end) if closing else -1
    return stop if stop > start else end


def _is_token(text: str) -> bool:
    """An opaque value, not a word such as `authentication` after `bearer`."""
    return len(text) >= 32 or any(char.isdigit() or char in "=._" for char in text[1:-1]) or text != text.lower()


def _is_basic(text: str) -> bool:
    return ":" in decoded_base64(text)


def _is_aws_secret(text: str) -> bool:
    """Forty characters as random as a key: a digest has no capitals, a path has words."""
    kinds = (str.islower, str.isupper, str.isdigit)
    return all(any(map(kind, text)) for kind in kinds) and len(set(text)) >= 18 and text.count("/") <= 4


def _i(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TELLING = (
    "authorization",
    "cookie",
    "key",
    "token",
    "secret",
    "signature",
    "session",
    "credential",
    "password",
    "cf-a",
)
_Q = r"\\{0,8}[\"'`]"
_LINE = r"[^\r\n\\]+(?:\\(?![rn])[^\r\n\\]*)*"
_QUOTED = r"\\{0,8}\"(?:[^\"\\]|\\{1,8}(?!\\|\")|\\{1,8}\"(?=[^\s,}\]:]))+\\{0,8}\"|'[^'\r\n]+'|`[^`\r\n]+`"
_NAME = (
    rf"(?<!\d:)(?<!aws::iam::)(?:(?:{STRONG})(?:s|[_-]?(?:value|key|hash|confirm(?:ation)?|new|old|plain|text|\d))?"
    rf"|(?<![A-Za-z0-9.-])(?:{WEAK}))"
)
_SEPARATOR = r"[\"'`*\\]{0,10}\s{0,4}(?:=>|:=|[:=])\s{0,4}[`*]{0,2}"
_BARE = r"(?!\[redacted)[^\s\"'`&,;<>(){}\[\]|\\]{2,}"
_NAMED_TRIGGERS = (
    *("pass", "pwd", "secret", "key", "token", "credential", "signature", "connection", "sess", "sid", "sig", "otp"),
    *("pin", "cvv", "cvc", "ssn", "iban", "pan", "card", "tax", "nino", "pesel", "bsn", "cpf", "aadhaar"),
    *("csrf", "xsrf"),
)

_SECRET_NAME = _i(
    rf"(?:{HEADERS}|[\w.-]{{0,64}}?(?:{STRONG})s?|(?:[\w-]{{0,32}}[._-])?(?:{WEAK}))"
    r"(?:[_-]?(?:value|key|hash|confirm(?:ation)?|new|old|plain|text|\d))?"
)


def _words(
    name: str, triggers: tuple[str, ...], pattern: str, check: Callable[[str], bool], *, marks: str = ""
) -> Rule:
    """A rule whose pattern is written in lower case."""
    return Rule(name, triggers, _i(pattern), check, folded=re.compile(pattern), marks=marks)


def _in_quotes(rule: Rule) -> Rule:
    return replace(rule, cut=_header_end)


def is_secret_name(name: str) -> bool:
    """Whether a key or header of this name has a secret as its value."""
    return len(name) <= 128 and _SECRET_NAME.fullmatch(name) is not None


CREDENTIALS: tuple[Rule, ...] = (
    Rule(
        "pem",
        ("-----begin",),
        _i(
            r"-----BEGIN [A-Z0-9 ]{0,40}(?:KEY|CERTIFICATE)[A-Z ]{0,20}-----"
            r"[\s\S]{0,16384}?(?:-----END[^-]{0,60}-----|\Z)"
        ),
    ),
    _in_quotes(
        _words(
            "header",
            _TELLING,
            rf"(?P<keep>(?<![\w-])(?:{HEADERS})(?:{_Q}\s{{0,4}}[:=,]\s{{0,4}}(?={_Q})|\*{{0,2}}\s{{0,4}}:\s{{0,4}}"
            rf"|{_Q}\s{{0,4}}[:=]\s{{0,4}}|{_Q}\s{{0,4}},\s{{0,4}}{_Q}value{_Q}\s{{0,4}}:\s{{0,4}}))"
            rf"(?:{_QUOTED}|(?<=[^\"'`\\])(?=\S){_LINE})",
            _is_header,
            marks=":\"'`",
        )
    ),
    Rule("jwt", ("eyj",), re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*){0,3}", re.ASCII)),
    Rule("bearer", ("bearer",), _i(r"(?P<keep>\bbearer[\s:]{1,4})[\w.~+/=-]{8,}"), _is_token),
    Rule("basic", ("basic",), _i(r"(?P<keep>\bbasic\s{1,4})[A-Za-z0-9+/_=-]{4,}"), _is_basic),
    Rule("okta_token", ("ssws",), _i(r"(?P<keep>\bssws\s{1,4})[\w-]{20,}")),
    Rule(
        "curl_user",
        ("curl",),
        _i(
            r"(?P<keep>(?<!\S)(?:-u|--user|--proxy-user|-U)[ =]?[\"']?)"
            r"(?!\[redacted)[^\s:\"']{1,256}:[^\s\"']{1,256}"
        ),
        marks=":",
    ),
    Rule(
        "curl_cookie",
        ("curl",),
        _i(r"(?P<keep>(?<!\S)(?:-b|--cookie)[ =]?)(?:\"[^\"\r\n]+\"|'[^'\r\n]+'|[^\s\"'\[]\S*)"),
    ),
    Rule(
        "url_credentials",
        ("://",),
        re.compile(r"(?P<keep>://)(?!\[redacted)(?:[^\s/@:]{0,256}:[^\s/@]{1,256}|[\w-]{16,256})(?=@)"),
        marks="@",
    ),
    _words(
        "named_secret",
        _NAMED_TRIGGERS,
        rf"(?P<keep>{_NAME}{_SEPARATOR})(?:{_QUOTED}|{_BARE})",
        _is_value,
        marks=":=",
    ),
    _words(
        "option",
        ("--",),
        rf"(?P<keep>--[\w-]{{0,24}}(?:{STRONG})\s{{1,4}})(?:{_QUOTED}|(?!-){_BARE})",
        _is_opaque,
    ),
    _words(
        "markup",
        ("</", "|", "<input"),
        rf"(?P<keep>{_NAME}[\"'`*]{{0,3}}\s{{0,4}}(?:</\w{{1,10}}>\s{{0,8}}<\w{{1,10}}[^<>]{{0,80}}>|>|\|"
        rf"|\"[^<>\"]{{0,80}}\svalue=\")\s{{0,4}}[`*]{{0,2}}){_BARE}",
        _is_opaque,
        marks='<>|"',
    ),
    Rule(
        "aws_secret",
        ("aws", "akia", "asia", "secret"),
        re.compile(r"(?<![A-Za-z0-9/+=_-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_-])"),
        _is_aws_secret,
    ),
)
