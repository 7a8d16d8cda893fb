"""What the ledger says of a decision about noise."""

from __future__ import annotations

from typing import Any

from stanch.noise.words import Noise


def told_of(noise: Noise) -> dict[str, Any]:
    """Only what there is, so that a case without noise has no word of it."""
    found: dict[str, Any] = {}
    if noise.group is not None:
        found["group"] = noise.group.workflow_id
    if noise.quiet is not None:
        found["quiet"] = noise.quiet.words
    if noise.group is not None or noise.quiet is not None or noise.is_source:
        found["considered"] = list(noise.considered)
    return found
