"""What a new version of a playbook means: what gets riskier, what safer, and what happens to recorded findings."""

from __future__ import annotations

from stanch.comparing._model import Change, Weight
from stanch.comparing._playbooks import compare
from stanch.comparing._replay import Outcome, replay

__all__ = ["Change", "Outcome", "Weight", "compare", "replay"]
