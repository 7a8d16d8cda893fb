"""Canaries planted in every sample, wherever its sender may write freely, come out nowhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import canaries
import pytest

from stanch.errors import StanchError
from stanch.findings import view_of
from stanch.intake.redaction import Redactor
from stanch.sources import Extraction, extract

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
FILES = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".json", ".jsonl", ".ndjson", ".sarif"))
KEY = b"canaries"


def documents(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".jsonl", ".ndjson") or '\n{"' in text:  # one document a line
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return [json.loads(text)]


def everything(found: Extraction) -> str:
    findings = [finding.model_dump_json() + repr(finding) for finding in found.findings]
    return repr((findings, found.quarantined, dict(found.ignored), dict(found.warnings)))


@pytest.mark.parametrize("form", canaries.FORMS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_canary_in_findings_quarantine_warnings_and_logs(
    path: Path, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    text, _ = canaries.FORMS[form]
    redactor = Redactor(KEY)
    total = 0
    with caplog.at_level(logging.DEBUG):
        for document in documents(path):
            changed, places = canaries.planted(document, text, canaries.is_free)
            total += places
            found = extract(json.dumps(changed).encode(), redactor=redactor)
            assert canaries.leaks(everything(found), form) == []
            assert canaries.leaks(redactor.document(changed, limit=64 * 1024), form) == []
    assert total > 0
    assert canaries.leaks(caplog.text, form) == []


def test_the_samples_are_still_understood_with_canaries_in_them() -> None:
    """What is quarantined at once would prove little."""
    text, _ = canaries.FORMS["password"]
    understood = before = 0
    for path in FILES:
        for document in documents(path):
            changed, _ = canaries.planted(document, text, canaries.is_free)
            before += bool(extract(json.dumps(document).encode()).findings)
            understood += bool(extract(json.dumps(changed).encode()).findings)
    assert understood > 0.75 * before


@pytest.mark.parametrize("path", [path for path in FILES if path.stat().st_size < 4000], ids=lambda path: path.name)
def test_no_credential_in_any_single_string(path: Path) -> None:
    """One string at a time, also names and ids: credentials have no place in them either."""
    for document in documents(path):
        for place, _ in canaries.strings(document):
            for form in ("bearer", "password header", "cookie", "password"):
                text, _ = canaries.FORMS[form]
                changed, _ = canaries.planted(document, text, lambda at, _, place=place: at == place)
                try:
                    found = everything(extract(json.dumps(changed).encode(), redactor=Redactor(KEY)))
                except StanchError as error:
                    found = f"{error} {error.hint}"
                assert canaries.leaks(found, form) == [], (place, form)


def test_what_rules_and_texts_see_is_redacted() -> None:
    for form, (text, _) in canaries.FORMS.items():
        data = {"title": text, "description": text, "type": "x", "remediation": text, "api": {"host": "a.example.com"}}
        found = extract(json.dumps(data).encode(), adapter="own", redactor=Redactor(KEY))
        views = [view_of(finding, None) for finding in found.findings]
        assert views
        assert canaries.leaks(repr(views), form) == []
