"""What credentials and personal data look like: each rule with its cheap trigger, its pattern and its check."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

MASK = "[redacted]"


@dataclass(frozen=True)
class Rule:
    """One shape.

    Args:
        name: counted under this name.
        triggers: lower-case literals, one of which must occur before the pattern is tried; none = always.
        pattern: group `keep`, where there is one, survives; the rest is masked.
        check: a further test of the match, for shapes that numbers and words share.
        credential: also applied to identifiers (user ids, resource names), where personal data is needed to act.
    """

    name: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = bool
    credential: bool = True


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def _is_pan(text: str) -> bool:
    """Luhn, and a first digit that card networks use."""
    digits = _digits(text)
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456" or len(set(digits)) < 2:
        return False
    doubled = (int(char) * 2 for char in digits[-2::-2])
    total = sum(map(int, digits[-1::-2])) + sum(value - 9 if value > 9 else value for value in doubled)
    return total % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 13616: mod 97 of the rearranged number is 1."""
    compact = text.replace(" ", "").upper()
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def _is_token(text: str) -> bool:
    """An opaque value, not a word such as `authentication` after `bearer`."""
    value = text.split()[-1]
    return len(value) >= 32 or any(char.isdigit() or char in "=._" for char in value[1:-1]) or value != value.lower()


def decoded_base64(text: str) -> str:
    """The text inside a base64 run, or nothing where it holds none."""
    raw = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        plain = base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    return plain if sum(char.isprintable() or char.isspace() for char in plain) == len(plain) else ""


def _is_basic(text: str) -> bool:
    return ":" in decoded_base64(text.split()[-1])


_HEADERS = (
    "authorization|proxy-authorization|cookie|set-cookie|x-api-key|api-key|apikey|x-auth-token|x-csrf-token"
    "|x-amz-security-token|x-access-token|x-session-token"
)
_NAMES = (
    r"[\w.-]{0,24}(?:password|passwd|passphrase|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|token|credential)s?"
    r"|session[_-]?(?:id|key)?|jsessionid|phpsessid|sid|otp|pin|cvv|ssn"
)
_VALUE = r"""(?:\\*"(?:[^"\\]|\\(?!")){0,4096}\\*"|'[^'\n]{0,4096}'|(?!\[redacted)[^\s"'&,;<>(){}\[\]]{2,4096})"""


def _i(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


RULES: tuple[Rule, ...] = (
    Rule(
        "pem",
        ("-----begin",),
        _i(
            r"-----BEGIN [A-Z0-9 ]{0,40}(?:KEY|CERTIFICATE)[A-Z ]{0,20}-----"
            r"[\s\S]{0,16384}?(?:-----END[^-]{0,60}-----|\Z)"
        ),
    ),
    Rule(
        "header",
        ("authorization", "cookie", "key", "token"),
        _i(rf"(?P<keep>\b(?:{_HEADERS})\\?[\"']?\s{{0,4}}:\s{{0,4}})\S[^\r\n]*"),
        credential=False,
    ),
    Rule("jwt", ("eyj",), re.compile(r"\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*){0,3}", re.ASCII)),
    Rule(
        "aws_key",
        ("akia", "asia", "abia", "acca"),
        re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
        credential=False,
    ),
    Rule(
        "github_token", ("gh", "github_pat_"), re.compile(r"\b(?:gh[pousr]_\w{30,255}|github_pat_\w{22,255})", re.ASCII)
    ),
    Rule("gitlab_token", ("glpat-",), re.compile(r"\bglpat-[\w-]{20,}", re.ASCII)),
    Rule("slack_token", ("xox", "xapp-"), re.compile(r"\b(?:xox[a-z]|xapp)-[\w-]{10,}", re.ASCII)),
    Rule("slack_hook", ("hooks.slack.com",), _i(r"(?P<keep>hooks\.slack\.com/)[\w/-]{10,}")),
    Rule(
        "stripe_key",
        ("k_live_", "k_test_", "whsec_"),
        re.compile(r"\b(?:[srp]k_(?:live|test)_\w{10,}|whsec_[\w+/=]{16,})", re.ASCII),
    ),
    Rule("google_key", ("aiza",), re.compile(r"\bAIza[\w-]{35}", re.ASCII)),
    Rule("bearer", ("bearer",), _i(r"(?P<keep>\bbearer\s{1,4})[\w.~+/=-]{8,}"), _is_token),
    Rule("basic", ("basic",), _i(r"(?P<keep>\bbasic\s{1,4})[A-Za-z0-9+/=]{4,}"), _is_basic),
    Rule(
        "curl_user",
        ("curl",),
        _i(
            r"(?P<keep>\bcurl\b[^\r\n]{0,512}?\s(?:-u|--user)[ =]?[\"']?)"
            r"(?!\[redacted)[^\s:\"']{1,256}:[^\s\"']{1,256}"
        ),
    ),
    Rule("url_credentials", ("://",), re.compile(r"(?P<keep>://)[^\s/@:]{0,256}:[^\s/@]{1,256}(?=@)")),
    Rule(
        "named_secret",
        ("pass", "pwd", "secret", "key", "token", "credential", "sess", "sid", "otp", "pin", "cvv", "ssn"),
        _i(rf"(?P<keep>(?<![\w.-])\\*[\"']?(?:{_NAMES})\\*[\"']?\s{{0,4}}[:=]\s{{0,4}}){_VALUE}"),
        credential=False,
    ),
    Rule("email", ("@", "%40"), re.compile(r"\b[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+"), credential=False),
    Rule("iban", (), re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"), _is_iban, credential=False),
    Rule("card_number", (), re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])"), _is_pan, credential=False),
    Rule("phone", ("+",), re.compile(r"(?<![\w+])\+\d(?:[ ().-]{0,2}\d){7,14}(?!\w)"), credential=False),
)
