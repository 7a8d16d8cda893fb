"""HMAC-SHA256 over the body alone: GitHub and its look-alikes. Without a time in it, it can be sent again."""

from __future__ import annotations

import base64

from stanch.intake.proofs.claim import Claim, Encoding
from stanch.intake.proofs.compare import any_equal, digests, keys_of, raw

GITHUB_HEADER, GITHUB_PREFIX = "x-hub-signature-256", "sha256="


def proven(claim: Claim) -> bool:
    """Whether the header named by the source has the body's HMAC."""
    terms = claim.terms
    return _matches(claim, header=terms.header, prefix=terms.prefix, encoding=terms.encoding)


def proven_github(claim: Claim) -> bool:
    """The same under the names of GitHub."""
    return _matches(claim, header=GITHUB_HEADER, prefix=GITHUB_PREFIX, encoding=Encoding.HEX)


def _matches(claim: Claim, *, header: str, prefix: str, encoding: Encoding) -> bool:
    made = digests(keys_of(claim.terms.secrets), claim.request.body)
    given = claim.request.header(header)
    text = given.removeprefix(prefix)
    if encoding is Encoding.HEX:
        wanted, spelled = [each.hex().encode() for each in made], raw(text.lower())
    else:
        wanted, spelled = [base64.b64encode(each) for each in made], raw(text)
    return any_equal(wanted, [spelled]) and given.startswith(prefix)
