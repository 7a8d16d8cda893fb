"""A policy folder of one's own to edit, and patience with what becomes of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from stanch.policy import PolicyStore
from stanch.settings import Settings

ROOT = Path(__file__).parents[2]
PLAYBOOK = "config_issue_ticket.yaml"
PATIENCE_SECONDS = 20.0


def copied(folder: Path) -> Path:
    """The shipped policy with one playbook and all fixtures."""
    shutil.copytree(ROOT / "policy", folder / "policy")
    (folder / "playbooks").mkdir()
    shutil.copytree(ROOT / "playbooks" / "fixtures", folder / "playbooks" / "fixtures")
    shutil.copy(ROOT / "playbooks" / PLAYBOOK, folder / "playbooks")
    return folder


def store_of(folder: Path) -> PolicyStore:
    return PolicyStore(Settings(policy_dir=folder / "policy", playbooks_dir=folder / "playbooks"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def soon(true: Callable[[], object]) -> float:
    """Seconds until it is true."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + PATIENCE_SECONDS, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - begun
