"""Secrets by reference: what a reference gives, and what an error about one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanch.errors import ConfigError
from stanch.secrets import resolve

SECRET = "hunter2-do-not-repeat"


def code_of(reference: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(reference)
    assert SECRET not in str(caught.value) + caught.value.hint
    return caught.value.code


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLUE_SECRET", SECRET)
    assert resolve("secret://env/GLUE_SECRET") == SECRET


@pytest.mark.parametrize("text", [SECRET, f"{SECRET}\n", f"  {SECRET}\r\n"])
def test_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "kept").write_text(text, encoding="utf-8")
    assert resolve(f"secret://file/{tmp_path}/kept") == SECRET
    monkeypatch.chdir(tmp_path)
    assert resolve("secret://file/kept") == SECRET


def test_a_changed_file_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("old", encoding="utf-8")
    assert resolve(f"secret://file/{path}") == "old"
    path.write_text("new", encoding="utf-8")
    assert resolve(f"secret://file/{path}") == "new"


def test_a_secret_in_clear_is_no_reference() -> None:
    assert code_of(SECRET) == "C020"


@pytest.mark.parametrize("reference", ["secret://vault/a#b", "secret://", "secret://envv/A", "secret:///etc/passwd"])
def test_an_unknown_store(reference: str) -> None:
    assert code_of(reference) == "C021"


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLUE_SECRET", raising=False)
    assert code_of("secret://env/GLUE_SECRET") == "C022"
    assert code_of("secret://env/") == "C022"
    monkeypatch.setenv("GLUE_SECRET", "")
    assert code_of("secret://env/GLUE_SECRET") == "C022"
    for name, content in {"empty": b"", "blank": b" \n", "binary": b"\xff\xfe\x00\x01"}.items():
        (tmp_path / name).write_bytes(content)
        assert code_of(f"secret://file/{tmp_path}/{name}") == "C022"
    for name in ("missing", "", "nul\0byte"):
        assert code_of(f"secret://file/{tmp_path}/{name}") == "C022"
