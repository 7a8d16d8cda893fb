"""One form for playbook files: the same keys in the same order and layout, with every comment kept."""

from __future__ import annotations

from stanch.formatting._format import format_playbook

__all__ = ["format_playbook"]
