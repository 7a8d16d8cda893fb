"""Masks what looks like a credential or personal data in one string, through every layer of encoding."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from stanch.intake.layers import BASE64, base64_pieces, decoded_base64, peeled
from stanch.intake.personal import EMAIL, IBAN, NUMBERS, Finder, has_numbers
from stanch.intake.secrets import CREDENTIALS, MASK, Rule
from stanch.intake.vendor_tokens import VENDOR_TOKENS

AnyRule = Rule | Finder
# Whole tokens before the values of names: an early match is counted by what it is.
_WORDS: tuple[Rule, ...] = (*CREDENTIALS[:3], *VENDOR_TOKENS, *CREDENTIALS[3:], EMAIL)
_CREDENTIAL_WORDS = tuple(rule for rule in _WORDS if rule.credential)
_LONG_WORDS = tuple(rule for rule in _CREDENTIAL_WORDS if not rule.triggers)  # all that may match without a trigger
_TRIGGERS = {trigger for rule in _WORDS for trigger in rule.triggers}
# One of these is in every text that such a rule can match: a mark where the rule has any, else one of its triggers.
_TELLING = re.compile("|".join(sorted({re.escape(text) for rule in _WORDS for text in rule.marks or rule.triggers})))
# Every shape needs a digit, a mark of these, a long word or a scheme of authentication: most strings have none.
_HARMLESS = re.compile(r"[A-Za-z ,.;!?()_/'\r\n-]*")
# Ids, digests and times, as whole strings.
_KNOWN = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-f]{32,128}"
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.]{5,18}(?:Z|[+-]\d\d:?\d\d)?)?"
)
_HIDING = re.compile(r"[%&\\]")  # without one of these nothing is behind an escape
_LONG_WORD = 16
_LAYERS = 4
_ROUNDS = 6


@dataclass(frozen=True)
class Manner:
    """How much is masked, and by what.

    Args:
        personal: whether personal data is masked too; not where somebody must be found by it.
        stand_in: gives what stands for personal data, so that names stay apart; None masks all alike. No identity may
            depend on a credential, which is changed when it leaks.
    """

    personal: bool = True
    stand_in: Callable[[str], str] | None = None

    def mask(self, rule: AnyRule, text: str) -> str:
        """What stands for a match."""
        return MASK if rule.credential or self.stand_in is None else self.stand_in(text)


PLAIN = Manner()


def scrub(text: str, counts: Counter[str], manner: Manner = PLAIN) -> str:
    """The text with everything private masked; the same again when it is scrubbed again.

    Args:
        text: decoded text, of any origin.
        counts: how often each rule struck, added to.
        manner: how much, and by what.
    """
    if is_harmless(text) or _is_quiet(text, manner):
        return text
    for _ in range(_ROUNDS):
        found = _layered(text, counts, manner=manner, depth=0)
        if found == text:
            return text
        text = found
    return MASK  # what does not settle is nothing to keep


def is_harmless(text: str) -> bool:
    """Whether no rule can match, told at a glance."""
    if len(text) < 6:
        return True
    if not _HARMLESS.fullmatch(text):
        return _KNOWN.fullmatch(text) is not None
    return not ("--" in text or "asic " in text or "earer" in text) and not _has_word(text, _LONG_WORD)


def _is_quiet(text: str, manner: Manner) -> bool:
    """Whether there is none of what a rule, a number or an escape begins with, as in most ids and paths."""
    if _TELLING.search(text.lower()) or _HIDING.search(text) or has_numbers(text):
        return False
    return not _has_word(text, _LONG_WORD) or not _is_hidden_in_words(text, manner)


def _is_hidden_in_words(text: str, manner: Manner) -> bool:
    """Whether a long word is a secret, or base64 with something private in it."""
    if any(rule.occurs(text) for rule in _LONG_WORDS):
        return True
    runs = BASE64.findall(text)
    return any(_base64(run, Counter(), manner=manner, depth=0) != run for run in runs)


def _has_word(text: str, length: int) -> bool:
    return len(text) >= length and max(map(len, text.split()), default=0) >= length


def _layered(text: str, counts: Counter[str], *, manner: Manner, depth: int) -> str:
    found = _plain(text, counts, manner=manner, depth=depth)
    if depth >= _LAYERS:
        return found
    inner = peeled(found)
    if inner == found:
        return found
    cleaned = _layered(inner, counts, manner=manner, depth=depth + 1)
    return found if cleaned == inner else cleaned


def _plain(text: str, counts: Counter[str], *, manner: Manner, depth: int) -> str:
    lowered = text.lower()
    present = _present(lowered)
    is_long = _has_word(text, _LONG_WORD)
    rules = _WORDS if manner.personal else _CREDENTIAL_WORDS
    for rule in rules if present else _LONG_WORDS if is_long else ():
        if is_long if not rule.triggers else not present.isdisjoint(rule.triggers):
            text = masked(rule, text, counts, manner)
    if manner.personal:
        text = _without_numbers(text, lowered, counts, manner)
    if depth < _LAYERS and is_long:
        text = BASE64.sub(lambda match: _base64(match.group(), counts, manner=manner, depth=depth), text)
    return text


def _present(lowered: str) -> set[str]:
    """Which triggers are there; where no rule can match, as in most paths and ids, none of them is looked for."""
    if not _TELLING.search(lowered):
        return set()
    return {trigger for trigger in _TRIGGERS if trigger in lowered}


def _without_numbers(text: str, lowered: str, counts: Counter[str], manner: Manner) -> str:
    if not has_numbers(text):
        return text
    text = masked(IBAN, text, counts, manner)
    for rule in NUMBERS:
        if not rule.triggers or any(trigger in lowered for trigger in rule.triggers):
            text = masked(rule, text, counts, manner)
    return text


def masked(rule: AnyRule, text: str, counts: Counter[str], manner: Manner = PLAIN) -> str:
    """The text with one rule applied."""
    if not rule.occurs(text):
        return text
    parts, place = list[str](), 0
    for start, end in rule.spans(text, text.lower()):
        if start < place:
            continue
        parts += (text[place:start], manner.mask(rule, text[start:end]))
        place = end
    if not parts:
        return text
    counts[rule.name] += len(parts) // 2
    return "".join(parts) + text[place:]


def _base64(run: str, counts: Counter[str], *, manner: Manner, depth: int) -> str:
    for piece in base64_pieces(run):
        plain = decoded_base64(piece)
        if len(plain) < 8 or is_harmless(plain):
            continue
        if _layered(plain, Counter(), manner=manner, depth=depth + 1) != plain:
            counts["base64"] += 1
            return MASK
    return run
