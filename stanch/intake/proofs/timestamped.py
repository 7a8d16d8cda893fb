"""HMAC-SHA256 over time and body, as Slack (`v0=`) and Stripe (`t=,v1=`) send it, at most five minutes old."""

from __future__ import annotations

from stanch.intake.proofs.claim import Claim
from stanch.intake.proofs.compare import any_equal, digests, is_fresh, keys_of, raw
from stanch.intake.requests import Request

STRIPE_HEADER = "stripe-signature"
MAX_PARTS = 16


def proven_slack(claim: Claim) -> bool:
    """docs.slack.dev, "Verifying requests from Slack"."""
    seconds = slack_time(claim.request)
    version, _, given = claim.request.header("x-slack-signature").partition("=")
    made = digests(keys_of(claim.terms.secrets), b"v0:" + raw(seconds) + b":" + claim.request.body)
    equal = any_equal([each.hex().encode() for each in made], [raw(given)])
    return equal and version == "v0" and is_fresh(seconds, claim.now)


def proven_stripe(claim: Claim) -> bool:
    """docs.stripe.com/webhooks, "Verify webhook signatures manually"; one time, one or more v1."""
    seconds = stripe_time(claim.request, claim.terms.header)
    given = [raw(value) for name, value in _parts(claim.request, claim.terms.header) if name == "v1"]
    made = digests(keys_of(claim.terms.secrets), raw(seconds) + b"." + claim.request.body)
    equal = any_equal([each.hex().encode() for each in made], given)
    return equal and is_fresh(seconds, claim.now)


def slack_time(request: Request) -> str:
    """The signed time."""
    return request.header("x-slack-request-timestamp")


def stripe_time(request: Request, header: str = "") -> str:
    """The signed time; "" where there is not exactly one."""
    times = [value for name, value in _parts(request, header) if name == "t"]
    return times[0] if len(times) == 1 else ""


def _parts(request: Request, header: str) -> list[tuple[str, str]]:
    listed = request.header(header or STRIPE_HEADER).split(",")[:MAX_PARTS]
    return [(name, value) for name, _, value in (part.partition("=") for part in listed)]
