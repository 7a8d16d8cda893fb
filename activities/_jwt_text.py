"""Finds a claim in the text of a JSON Web Token, for gateways that match text and verify nothing.

The payload is signed as it is spelt: nobody but the issuer can spell it another way, so its text is a safe thing to
compare, while the signature after it is not (its last character has spare bits). A claim of some bytes begins at one
of three places in a group of base64url characters; each gives one expression, exact to the bit.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from stanch.errors import Rejected
from stanch.leases import Principal

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_VALUE = re.compile(r"[ !#-.0-;=?-\[\]-~]{1,128}")  # what every JSON writer spells alike: no quote, \, /, <, > or &
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")  # of 64 bits
_BYTE, _DIGIT = 8, 6  # bits


def claims_named(principal: Principal | None, *, gateway: str) -> Mapping[str, str]:
    """The claims to look for; empty where nobody is named.

    Raises:
        Rejected: this cannot be told from the text of a token, with what to use instead.
    """
    if principal is None:
        return {}
    claims = principal.claims()
    if principal.in_request or principal.api_key:
        raise Rejected(f"{gateway} compares claims of tokens, no API keys, other headers, cookies or bodies")
    if principal.jwt_claims:
        raise Rejected(f"{gateway} compares only jti, sub, client_id and sid", hint="block at Envoy")
    if principal.token_hash and not principal.token_id:
        raise Rejected(
            f"{gateway} cannot block a token by its hash: the same token in another spelling has another hash",
            hint="name the token by its id (jti) or the user by sub",
        )
    if not claims:
        raise Rejected("the block names a principal without saying who", hint="give token_id, user_id or client_id")
    for name, value in claims.items():
        if not readable(value):
            raise Rejected(
                f"{gateway} cannot find the claim {name} in a token's text: issuers may spell its value differently",
                hint="name the token by its id (jti), or block at a gateway that verifies tokens (Envoy)",
            )
    return claims


def readable(value: str) -> bool:
    """Every issuer spells it alike, so that a text that does not hold it is a token of somebody else."""
    return _VALUE.fullmatch(value) is not None


def claim_patterns(claims: Mapping[str, str], *, escaped: bool = False) -> list[str]:
    """Expressions (PCRE, RE2 and Rust alike) that each find one claim in a text with a token; all must match.

    Where the text may be `escaped`, any character may be percent-encoded, as APIs read queries and cookies.
    """
    found: list[str] = []
    for name, value in sorted(claims.items()):
        texts = [*_quoted(name, value, ends=("",)), *_bare(name, value)]
        each = (_placed(text.encode(), offset, escaped=escaped) for text in texts for offset in range(3))
        found.append(f"(?:{'|'.join(each)})")
    return found


def claim_needles(claims: Mapping[str, str]) -> list[list[str]]:
    """For each claim plain texts of which one must be in the header: cheap, and blind to payloads with line breaks."""
    found: list[list[str]] = []
    for name, value in sorted(claims.items()):
        texts = [*_quoted(name, value, ends=(",", "}")), *_bare(name, value)]
        found.append([_needle(text.encode(), offset) for text in texts for offset in range(3)])
    return found


def _quoted(name: str, value: str, *, ends: tuple[str, ...]) -> list[str]:
    """The member, written tight or with a space after the colon."""
    return [f'"{name}"{colon}"{value}"{end}' for colon in (":", ": ") for end in ends]


def _bare(name: str, value: str) -> list[str]:
    """Whole numbers without quotes, as some issuers write ids."""
    colons = (":", ": ") if _NUMBER.fullmatch(value) else ()
    return [f'"{name}"{colon}{value}{end}' for colon in colons for end in (",", "}")]


def _needle(text: bytes, offset: int) -> str:
    """Only the digits that are known in full."""
    first = -(-offset * _BYTE // _DIGIT)
    encoded = base64.urlsafe_b64encode(bytes(offset) + text).decode()
    return encoded[first : (offset + len(text)) * _BYTE // _DIGIT]


def _placed(text: bytes, offset: int, *, escaped: bool) -> str:
    """The text after `offset` unknown bytes of a group of three; digits at its edges are known in part."""
    known = [None] * (offset * _BYTE) + [(byte >> bit) & 1 for byte in text for bit in range(7, -1, -1)]
    known += [None] * (-len(known) % _DIGIT)
    digits = [known[place : place + _DIGIT] for place in range(0, len(known), _DIGIT)]
    spelled = _escapable if escaped else _one_of
    return "".join(spelled(_fitting(digit)) for digit in digits if any(bit is not None for bit in digit))


def _fitting(bits: list[int | None]) -> list[str]:
    return [char for number, char in enumerate(_ALPHABET) if _fits(number, bits)]


def _escapable(fit: list[str]) -> str:
    return f"(?:{_one_of(fit)}|%(?i:{'|'.join(f'{ord(char):02x}' for char in fit)}))"


def _one_of(fit: list[str]) -> str:
    return fit[0] if len(fit) == 1 else "[" + "".join(sorted(fit, key=lambda char: char == "-")) + "]"


def _fits(number: int, bits: list[int | None]) -> bool:
    return all(bit is None or (number >> (5 - place)) & 1 == bit for place, bit in enumerate(bits))
