"""Findings as scanners get them, and programs that tests write: they tell how they were called."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HOST = "localhost"
HOSTILE = [
    "-x",
    "--config=/etc/passwd",
    "a b",
    "a\nb",
    "a;id",
    "a$(id)",
    "a`id`",
    "a|b",
    "a\x00b",
    "\u2013x",
    "\u2014\u2014help",
    "\uff0dx",
    "a\u202eb",
    "'a",
    '"a"',
    "${HOME}",
    "%0a-x",
    "../x",
    "@file",
    "",
]


def finding(**more: Any) -> dict[str, Any]:
    """What `scanner.rescan` hands over."""
    api = {"host": HOST, "method": "GET", "path": "/users/7", "path_template": "/users/{id}"} | more.pop("api", {})
    tool = {"adapter": "nuclei", "rule": "CVE-2021-44228", "parameter": "", "evidence": []} | more.pop("tool", {})
    return {
        "id": "f-1",
        "kind": "weakness",
        "type": "t",
        "source": "own",
        "category": "",
        "api": api,
        "tool": tool,
        **more,
    }


def program(folder: Path, body: str = "", *, stdout: str = "", stderr: str = "", status: int = 0) -> tuple[str, Path]:
    """A program that notes how it was called in the file given beside it."""
    called, path = folder / "called.json", folder / "tool"
    path.write_text(
        f"#!{sys.executable} -I\n"
        "import json, os, sys, time, subprocess\n"
        f"note = {{'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd()}}\n"
        f"open({str(called)!r}, 'w').write(json.dumps(note))\n"
        f"sys.stdout.write({stdout!r}); sys.stderr.write({stderr!r}); sys.stdout.flush()\n"
        f"{body}\n"
        f"sys.exit({status})\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return str(path), called


def called_with(called: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(called.read_text(encoding="utf-8"))
    return found
