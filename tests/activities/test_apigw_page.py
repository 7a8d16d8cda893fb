"""The playbook of the documentation is one that loads."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from stanch.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "api-gateway.md"


def test_playbook_of_the_page_is_valid(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    file = tmp_path / "contain_api_key.yaml"
    file.write_text(text)
    result = CliRunner().invoke(app, ["validate", str(file)])
    assert result.exit_code == 0, result.output
