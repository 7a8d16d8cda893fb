"""Two demos in one folder: the second is told, and the first keeps its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanch.cli import demo
from stanch.errors import ConfigError


def test_the_folder_of_a_running_demo_is_not_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo._empty(folder)
    (folder / "records.db").write_text("kept", encoding="utf-8")
    for start in (demo._empty, demo._claim):
        with pytest.raises(ConfigError) as caught:
            start(folder)
        assert (caught.value.code, f"source {folder / 'env'}" in caught.value.hint) == ("C014", True)
    assert (folder / "records.db").read_text(encoding="utf-8") == "kept"


def test_the_folder_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    (tmp_path / demo.MARK).write_text("", encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old").write_text("x", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path.parent)
    demo._empty(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [demo.MARK]
    assert tmp_path.parent.is_dir()
