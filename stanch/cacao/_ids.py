"""Identifiers that are the same for the same playbook, however often it is exported."""

from __future__ import annotations

import hashlib
import uuid

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:stanch:playbook")


def playbook_id(name: str) -> str:
    """UUIDv5 from the playbook's own id, in a namespace of ours (CACAO 2.0, 10.10)."""
    return f"playbook--{uuid.uuid5(NAMESPACE, name)}"


def object_id(kind: str, *names: str) -> str:
    """For steps and other objects, which CACAO wants as UUIDv4: its form, filled from a digest instead of by chance."""
    filled = hashlib.sha256("\0".join((kind, *names)).encode()).digest()[:16]
    return f"{kind}--{uuid.UUID(bytes=filled, version=4)}"
