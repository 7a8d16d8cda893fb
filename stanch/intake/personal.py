"""What personal data looks like: addresses, phone numbers, cards, accounts and national ids, by their check digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

import phonenumbers

from stanch.intake.secrets import Rule, Span

# Lengths by country as in the IBAN registry of SWIFT (release 99); the structure is checked by stdnum.
_IBAN_LENGTHS = (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 FK18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 CH21"
    " HR21 LI21 LV21 BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 TL23 OM23 SO23"
    " AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 BI27 DJ27 FR27 GR27"
    " IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HN28 HU28 LB28 NI28 PL28 SV28 BR29 EG29 PS29 QA29"
    " UA29 JO30 KW30 MU30 YE30 MT31 SC31 LC32 RU33"
)
_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN_LENGTHS.split()}
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9]{4})", re.ASCII)
_CARD_START = re.compile(r"(?<![\w.])[2-6](?=(?:[ -]?\d){12})", re.ASCII)
_DOTTED_CARD = re.compile(r"(?<![\w.])[2-6]\d{3}([._/\u00a0\u2009])\d{4}\1\d{4}\1\d{4}(?![\w.])")
# Networks by their first digits and the lengths of their numbers (ISO/IEC 7812 ranges as the networks publish them).
_NETWORKS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"30[0-5]|3095|3[689]"), (14, 16)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 17, 18, 19)),
    (re.compile(r"6011|64[4-9]|65|62|60|81|82"), (16, 17, 18, 19)),
    (re.compile(r"220[0-4]"), (16, 17, 18, 19)),
    (re.compile(r"50|5[6-8]|6[0-9]"), (16, 17, 18, 19)),
)
# A digit, from where one can look both ways: to look for digits only is what makes this fast.
_MAY_BE_NUMBERS = re.compile(
    r"[0-9](?:(?:[ ._/()+\u00a0\u2009-]{0,2}\d){6}"  # seven of them close together: all numbers but
    r"|\d{5}A\d|(?<=[A-Z]{6}\d)\d[A-Z]"  # national ids that have letters between digits
    rf"|(?<=[^A-Za-z0-9](?i:{'|'.join(_LENGTHS)})\d)\d[ -]?[A-Za-z0-9]{{4}})"  # and IBANs, which begin a word
)
_NO_DOMAINS = frozenset(
    {
        *("png", "jpg", "jpeg", "gif", "svg", "ico", "js", "mjs", "css", "ts", "map", "json", "xml", "yaml", "yml"),
        *("html", "py", "java", "go", "rb", "php"),
    }
)


def has_numbers(text: str) -> bool:
    """Whether any rule for numbers or accounts can match, told at a glance."""
    return _MAY_BE_NUMBERS.search(f" {text}") is not None  # what begins a text begins a word


@dataclass(frozen=True)
class Finder:
    """A shape that is found by walking, not by one pattern; `starts` is how it may begin. Same use as a `Rule`."""

    name: str
    find: Callable[[str], Iterator[Span]]
    starts: tuple[re.Pattern[str], ...]
    triggers: tuple[str, ...] = ()
    credential: bool = False

    def occurs(self, text: str) -> bool:
        """False where none begins."""
        return any(start.search(text) for start in self.starts)

    def spans(self, text: str, _lowered: str) -> Iterator[Span]:
        """Where this shape is."""
        return self.find(text)


def _taken(text: str, start: int, count: int) -> tuple[str, list[int]]:
    """Up to `count` letters and digits from `start`, single separators skipped, and where each ends."""
    chars, ends, place = "", list[int](), start
    while place < len(text) and len(chars) < count:
        char = text[place]
        if char.isascii() and char.isalnum():
            chars += char
            ends.append(place + 1)
        elif char not in " -" or not text[place + 1 : place + 2].isalnum():
            break
        place += 1
    return chars, ends


def _ends_word(text: str, end: int) -> bool:
    return not text[end : end + 1].isalnum()


def _ibans(text: str) -> Iterator[Span]:
    done = 0
    for match in _IBAN_START.finditer(text):
        length = _LENGTHS.get(match.group()[:2].upper(), 0)
        if not length or match.start() < done:
            continue
        chars, ends = _taken(text, match.start(), length)
        if len(chars) == length and _ends_word(text, ends[-1]) and _has_iban_sum(chars) and _is_valid("iban", chars):
            done = ends[-1]
            yield match.start(), done


def _has_iban_sum(chars: str) -> bool:
    """ISO 13616, before the dearer look at the country's structure."""
    return int("".join(str(int(char, 36)) for char in chars[4:] + chars[:4])) % 97 == 1


def is_card(digits: str) -> bool:
    """Luhn, and a network that issues numbers of this length."""
    known = any(len(digits) in lengths and start.match(digits) for start, lengths in _NETWORKS)
    return known and len(set(digits)) > 1 and _is_valid("luhn", digits)


def _cards(text: str) -> Iterator[Span]:
    done = 0
    for match in _CARD_START.finditer(text):
        if match.start() < done:
            continue
        chars, ends = _taken(text, match.start(), 20)
        digits = chars[: next((at for at, char in enumerate(chars) if not char.isdigit()), len(chars))]
        for length in range(min(len(digits), 19), 12, -1):
            end = ends[length - 1]
            if _ends_word(text, end) and is_card(digits[:length]):
                done = end
                yield match.start(), end
                break
    for match in _DOTTED_CARD.finditer(text):
        if is_card("".join(filter(str.isdigit, match.group()))):
            yield match.span()


def _is_phone(text: str) -> bool:
    """A number that the numbering plan of its country allows; without `+` or `00` it is one of North America."""
    digits = re.sub(r"\D", "", text)
    stated = f"+{digits}" if text.startswith("+") else f"+{digits[2:]}" if digits.startswith("00") else digits
    try:
        number = phonenumbers.parse(stated, "US")
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)


def _is_mail(text: str) -> bool:
    name, _, domain = re.sub("%40", "@", text).partition("@")
    return name.lower() != "git" and domain.rpartition(".")[2].lower() not in _NO_DOMAINS


# Each shape with the modules of python-stdnum whose check digits it may bear; shapes shared by more are listed once.
_NATIONAL = (
    (r"\d{3}-\d{2}-\d{4}", ("us.ssn",)),
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", ("br.cpf",)),
    (r"\d{4} \d{4} \d{4}", ("in_.aadhaar",)),
    (r"756\.\d{4}\.\d{4}\.\d{2}", ("ch.ssn",)),
    (r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", ("be.nn",)),
    (r"(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z]", ("es.nif",)),
    (r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", ("it.codicefiscale",)),
    (r"[12] ?\d{2} ?[0-9]{2} ?\d[0-9AB] ?\d{3} ?\d{3} ?\d{2}", ("fr.nir",)),
    (r"\d{6}-\d{7}", ("kr.rrn",)),
    (r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]", ("fi.hetu", "se.personnummer")),
    (r"\d{17}[0-9X]", ("cn.ric",)),
)
_NATIONAL_IDS = re.compile(
    rf"(?<![\w.-])(?=\d|[XYZ]\d|[A-Z]{{6}}\d)(?:{'|'.join(f'({shape})' for shape, _ in _NATIONAL)})(?![\w-])", re.ASCII
)


def _is_valid(module: str, text: str) -> bool:
    """What a module of python-stdnum says; some fail on numbers that only look right, as of places they do not know."""
    try:
        return bool(import_module(f"stdnum.{module}").is_valid(text))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return False


def _national_ids(text: str) -> Iterator[Span]:
    for match in _NATIONAL_IDS.finditer(text):
        _, modules = _NATIONAL[(match.lastindex or 1) - 1]
        if any(_is_valid(module, match.group()) for module in modules):
            yield match.span()


EMAIL = Rule(
    "email",
    ("@", "%40"),
    re.compile(r"(?<![\w.+%-])[\w.+'-]{1,64}(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_](?:[^\W_]|-(?=\w)){1,23}(?![\w-])"),
    _is_mail,
    credential=False,
    marks="@%",
)

IBAN = Finder("iban", _ibans, (_IBAN_START,))

NUMBERS: tuple[Rule | Finder, ...] = (
    Finder("card_number", _cards, (_CARD_START, _DOTTED_CARD)),
    Rule(
        "phone",
        (),
        re.compile(
            r"(?<![\w+.])(?:\+\d(?:[ ()./-]{0,2}\d){7,14}|00[1-9]\d{0,2}[ /-]\d{2,4}(?:[ /-]?\d){5,10}"
            r"|(?:1[ .-])?\([2-9]\d{2}\) ?\d{3}[ .-]\d{4}|(?:1[.-])?[2-9]\d{2}([.-])[2-9]\d{2}\1\d{4})(?![\w-])",
            re.ASCII,
        ),
        _is_phone,
        credential=False,
    ),
    Rule(
        "phone",
        ("phone", "mobile", "tel", "msisdn", "fax", "whatsapp"),
        re.compile(
            r"(?P<keep>(?<![A-Za-z])(?:tele)?(?:phone|mobile|tel|msisdn|fax|whatsapp)(?:[ _-]?(?:no|nr|number|num))?"
            r"\.?[\"'\\]{0,4}\s{0,4}[:=]?\s{0,4}[\"'\\]{0,4})\(?\+?\d(?:[ ()./-]{0,2}\d){6,14}(?!\w)",
            re.IGNORECASE | re.ASCII,
        ),
        credential=False,
    ),
    Finder("national_id", _national_ids, (_NATIONAL_IDS,)),
)
