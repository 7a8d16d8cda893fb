"""JSON Schemas of the files people write, made for completion and good errors in editors."""

from __future__ import annotations

from stanch.editors._playbook import playbook_schema

__all__ = ["playbook_schema"]
