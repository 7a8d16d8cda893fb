"""What a halt is about: how its scope is written, and whether anything here has that name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from stanch.catalog import catalog
from stanch.web.services import Services

SCOPE = r"^(all|(playbook|point|action|source|host):[A-Za-z0-9_.*:-]{1,253})$"
WORDS = "write all, or playbook:, point:, action:, source: or host: and a name"
_FORM = re.compile(SCOPE, re.ASCII)


def scope_of(text: str) -> str:
    """The scope as given.

    Raises:
        ValueError: it is none, in words for whoever wrote it.
    """
    if not _FORM.fullmatch(text):
        raise ValueError(f"this is no scope: {WORDS}")
    return text


def doubt(services: Services, scope: str) -> str:
    """What whoever halts this should know: that nothing here has the name. A halt is set all the same; "" where known.

    A case may still run by a playbook that is deleted, so an unknown name is no reason to refuse a halt.
    """
    kind, _, name = scope.partition(":")
    known = _names(services, kind)
    if known is None or name in known:
        return ""
    close = get_close_matches(name, known, n=1)
    meant = f"; did you mean {kind}:{close[0]}?" if close else ""
    return f"there is no {kind} of the name {name} here, so this may stop nothing{meant}"


def _names(services: Services, kind: str) -> tuple[str, ...] | None:
    """What there is of a kind; None where any name may be right."""
    policy, settings = services.policy.current, services.settings
    known: dict[str, Iterable[str]] = {
        "playbook": policy.playbooks.entries,
        "point": (*settings.points, *settings.policies, *settings.identity, *settings.webhooks),
        "action": catalog(),
        "source": policy.sources.by_name,
    }
    return tuple(known[kind]) if kind in known else None
