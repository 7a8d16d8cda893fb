"""The files that pages load: as they were vendored, small, and nothing in templates that the policy would refuse."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "stanch" / "web"
TEMPLATES = sorted((WEB / "templates").glob("*.html"))


def test_vendored_files_have_their_checksums() -> None:
    listed = re.findall(r"`([\w.-]+\.js)`.*`([0-9a-f]{64})`", (WEB / "static" / "VENDORED.md").read_text("utf-8"))
    assert [name for name, _ in listed] == [path.name for path in (WEB / "static").glob("*.js")]
    for name, digest in listed:
        assert hashlib.sha256((WEB / "static" / name).read_bytes()).hexdigest() == digest


def test_what_a_page_loads_is_small() -> None:
    files = [path for path in (WEB / "static").iterdir() if path.suffix in (".css", ".js", ".svg")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 30_000


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_inline_code_or_style_and_never_lift_escaping(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)|javascript:", text)
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_something_carries_its_token(path: Path) -> None:
    forms = re.findall(r"<form method=\"post\"(.*?)</form>", path.read_text("utf-8"), re.DOTALL)
    for form in forms:
        assert 'name="csrf"' in form or "hidden()" in form or 'action="/login"' in form
