"""The playbook of the documentation is one that loads and does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api-gateway.md"
STANCH = Path(sys.executable).with_name("stanch")


def test_playbook_of_the_page_passes_its_own_tests(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    shutil.copytree(ROOT / "policy", tmp_path / "policy")
    (tmp_path / "playbooks/fixtures").mkdir(parents=True)
    file = tmp_path / "playbooks/contain_api_key.yaml"
    file.write_text(text)
    finding = json.loads((ROOT / "playbooks/fixtures/attack_user.json").read_text())
    finding["actor"]["client_id"] = "a1b2c3d4e5"
    (tmp_path / "playbooks/fixtures/attack_key.json").write_text(json.dumps(finding))
    words = [STANCH, "playbook", "test", str(file)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2" in done.stdout + done.stderr
