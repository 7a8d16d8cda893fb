"""CACAO 2.0 (OASIS): playbooks exported for exchange, and foreign ones imported as manual drafts."""

from __future__ import annotations

from stanch.cacao._export import EPOCH, export_plan
from stanch.cacao._import import Draft, import_playbook

__all__ = ["EPOCH", "Draft", "export_plan", "import_playbook"]
