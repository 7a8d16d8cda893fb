"""What senders send to try an address, told apart from findings once its sender is proven."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stanch.errors import DependencyError
from stanch.intake.auth import Auth
from stanch.intake.deliveries import Delivery
from stanch.intake.fetching import Fetch, fetch
from stanch.intake.proofs import Scheme
from stanch.intake.proofs.sns import SUBSCRIBE, UNSUBSCRIBE, subscribe_url
from stanch.intake.requests import Request
from stanch.shapes import is_dict
from stanch.sinks.terminal import safe_text

_CLOUDFLARE = "Hello World! This is a test message sent from https://cloudflare.com"
_LOG = logging.getLogger("stanch.intake")


class HandshakeKind(StrEnum):
    """What a sender wants to know."""

    PING = "ping"  # does this address answer?
    CONFIRM = "confirm"  # SNS: does this address want what the topic sends?
    WAIT = "wait"  # the same, and the operator has not said so
    GONE = "gone"  # SNS: somebody ended the subscription


@dataclass(frozen=True)
class Handshake:
    """One of them.

    Args:
        topic: ARN, for SNS.
        url: the checked address that confirms a subscription; it holds a token and belongs in no log.
    """

    kind: HandshakeKind
    topic: str = ""
    url: str = ""


def handshake_of(auth: Auth, request: Request, delivery: Delivery) -> Handshake | None:
    """The handshake that a proven delivery is; None where it is to be read as findings."""
    document = delivery.documents[0] if len(delivery.documents) == 1 else None
    if not is_dict(document):
        return None
    if auth.scheme is Scheme.SNS:
        return _sns(document, may_confirm=auth.confirm)
    return Handshake(HandshakeKind.PING) if _is_ping(request, document) else None


def confirm(handshake: Handshake, *, source: str, visit: Fetch = fetch) -> bool:
    """Confirm a subscription, once its message was proven and the operator has allowed it; the outcome is logged."""
    try:
        confirmed = bool(visit(handshake.url))
    except DependencyError:
        confirmed = False
    if confirmed:  # at a level that is always shown: from now on somebody may send
        _LOG.warning("source %s: subscription to %s confirmed", source, safe_text(handshake.topic))
    else:
        _LOG.warning("source %s: subscription to %s could not be confirmed", source, safe_text(handshake.topic))
    return confirmed


def _sns(document: dict[Any, Any], *, may_confirm: bool) -> Handshake | None:
    topic = str(document.get("TopicArn"))
    if document.get("Type") == UNSUBSCRIBE:
        return Handshake(HandshakeKind.GONE, topic)
    if document.get("Type") != SUBSCRIBE:
        return None
    if not may_confirm:
        return Handshake(HandshakeKind.WAIT, topic)
    return Handshake(HandshakeKind.CONFIRM, topic, subscribe_url(document))


def _is_ping(request: Request, document: dict[Any, Any]) -> bool:
    """The event header is not signed, so the body must look like a ping too: findings cannot be relabelled away."""
    if request.header("x-github-event") == "ping":
        return {"zen", "hook_id"} <= document.keys()
    if request.header("x-snyk-event").startswith("ping/"):
        return not {"newIssues", "removedIssues", "project"} & document.keys()
    text = document.get("text")
    return bool(request.header("cf-webhook-auth")) and isinstance(text, str) and text.startswith(_CLOUDFLARE)
