"""Folders of demo and dev: two in one folder, one that cannot be used, and what is kept from being emptied."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stanch.cli import demo
from stanch.errors import ConfigError


def refused(start: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        start()
    assert caught.value.code == "C014"
    return caught.value


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


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300])
@pytest.mark.parametrize("start", [demo._empty, demo._claim, demo.dev])
def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path, name: str, start: Callable[[Path], object]) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    error = refused(lambda: start(tmp_path / name))
    assert "--folder" in error.hint or "name a new or empty folder" in error.hint
    assert "another demo" not in error.message
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_folder_in_which_nothing_can_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda _number, _handler: None)
    (tmp_path / "data").write_text("no folder", encoding="utf-8")
    assert "cannot be used" in refused(lambda: demo.dev(folder=tmp_path, port=0)).message


def test_a_system_without_locks_is_no_other_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(_file: int, _what: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    before = set(Path("/proc/self/fd").iterdir())
    error = refused(lambda: demo._claim(tmp_path))
    assert ("No locks available" in error.message, error.hint) == (True, "name another --folder")
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize("part", ["file", "folder"])
def test_what_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    demo._empty(tmp_path / "demo")
    (tmp_path / "demo" / part).touch() if part == "file" else (tmp_path / "demo" / part).mkdir()

    def no(*_what: object, **_more: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", no)
    monkeypatch.setattr(os, "rmdir", no)
    monkeypatch.setattr(fcntl, "flock", lambda _file, _what: None)  # the first one above holds it
    assert "Operation not permitted" in refused(lambda: demo._empty(tmp_path / "demo")).message
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "demo")


def test_what_dev_keeps_is_not_emptied_by_a_later_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def running(folder: Path, **_more: object) -> Iterator[Path]:
        (folder / "records.db").write_text("kept", encoding="utf-8")
        yield folder

    monkeypatch.setattr(demo, "_running", running)
    monkeypatch.setattr(demo, "_where", lambda _stack: None)
    monkeypatch.setattr(demo, "_hold", lambda _stack: None)
    monkeypatch.setattr(fcntl, "flock", lambda _file, _what: None)  # as if each had ended
    demo._empty(tmp_path)
    demo.dev(folder=tmp_path, port=0)
    assert "not a folder of the demo" in refused(lambda: demo._empty(tmp_path)).message
    assert (tmp_path / "records.db").read_text(encoding="utf-8") == "kept"
