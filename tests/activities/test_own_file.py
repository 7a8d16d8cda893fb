"""Files of gateways that cannot be written: an outcome with its cause and the next step, not a mistake of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from activities._own_file import locked, put_back, replace
from stanch.errors import RetrySafe, Uncertain


def held(path: Path) -> None:
    with locked(path, what="the rules file", seconds=1.0):
        pass


@pytest.mark.parametrize(
    ("in_the_way", "work"),
    [
        (".stanch.lock", held),
        (".rules.tmp", lambda path: replace(path, b"new")),
        ("rules", lambda path: replace(path, b"")),
    ],
)
def test_a_file_that_cannot_be_written_is_named_with_the_reason(
    tmp_path: Path, in_the_way: str, work: Callable[[Path], None]
) -> None:
    path = tmp_path / "rules"
    (tmp_path / in_the_way).mkdir()
    with pytest.raises(RetrySafe) as caught:
        work(path)
    assert "cannot be written: Is a directory" in caught.value.message
    assert str(tmp_path) in caught.value.hint


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    for work in (held, lambda path: replace(path, b"new")):
        with pytest.raises(RetrySafe) as caught:
            work(tmp_path / "gone" / "rules")
        assert "No such file or directory" in caught.value.message


def test_what_the_holder_does_wrong_is_not_called_the_file_s(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "rules", what="the rules file", seconds=1.0):
        (tmp_path / "other").read_bytes()


def test_what_was_refused_and_cannot_be_taken_out_again_is_in_doubt(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    replace(path, b"refused")
    (tmp_path / ".rules.tmp").mkdir()
    with pytest.raises(Uncertain, match="what was refused is still in it"):
        put_back(path, b"before")
    assert path.read_bytes() == b"refused"
