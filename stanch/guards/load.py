"""Reading `policy/guards.yaml`."""

from __future__ import annotations

from stanch.documents import Codes, load, validate
from stanch.guards.model import GuardPolicy

_CODES = Codes(unknown_key="G902", missing="G903", invalid="G904")


def load_guards(text: str, file: str = "guards.yaml") -> GuardPolicy:
    """Read a guard policy.

    Raises:
        ConfigError: with every mistake at its place; keep the last good policy, or refuse every change.
    """
    return validate(GuardPolicy, load(text, file, code="G901"), _CODES)
