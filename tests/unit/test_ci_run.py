"""CI fails where a program is missing that tests talk to, instead of skipping those tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"
PROGRAMS = ("chromium", "caddy", "nginx")


@pytest.mark.parametrize("missing", PROGRAMS)
def test_a_missing_program_is_named_and_nothing_is_skipped(tmp_path: Path, missing: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("dirname", "id"):
        (programs / name).symlink_to(shutil.which(name) or name)
    for name in {*PROGRAMS, "make"} - {missing}:  # without apt-get nothing is installed, whoever runs this
        (programs / name).write_text(f"#!/bin/sh\n: > '{tmp_path}/{name}.ran'\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    (tmp_path / ".ci").mkdir()
    shutil.copy(RUN, tmp_path / ".ci" / "run")
    done = subprocess.run(
        ["/bin/bash", str(tmp_path / ".ci" / "run")], env={"PATH": str(programs)}, capture_output=True, check=False
    )
    assert (done.returncode, missing in done.stderr.decode(), list(tmp_path.glob("*.ran"))) == (1, True, [])
