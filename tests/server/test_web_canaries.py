"""Canaries sent through the signed webhook: in no table, log, ticket or history, and sealed in the original."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from web_support import Edge, eventually, finding

from stanch.sandbox.temporal import EmbeddedTemporal

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import canaries

KNOWN = "Orders give out card numbers"


@pytest.fixture(scope="module")
def database(temporal: EmbeddedTemporal) -> Path:
    return temporal._database


def reports() -> Iterator[dict[str, Any]]:
    for number, (name, (text, _)) in enumerate(canaries.FORMS.items()):
        yield finding(
            uid=f"canary-{number}",
            title=f"{KNOWN} {name} {text}",
            description=f"Seen by a test:\n{text}",
            remediation=text,
            rule=f"rule-{number}",
            labels=[text[:100].rsplit(" ", 1)[0]] if " " in text[:100] else [],
            evidence=[{"kind": "request", "url": f"https://shop.example.com/o?x={text}", "excerpt": text}],
            src_url=f"https://scanner.example.com/f/{number}?q={text}",
            kind="attack",
            actor={"ip": "203.0.113.9", "token": canaries.JWT, "user_agent": text},
        )


def quarantined() -> Iterator[dict[str, Any]]:
    """Bodies of no known format, and our own form with a mistake in it."""
    for text, _ in canaries.FORMS.values():
        yield {"what": {"is": [text, {"password": canaries.MARK}]}, "this": text}
        yield finding(severity=text, description=text)


@pytest.fixture(scope="module")
def sent(whole: Edge) -> list[str]:
    """Everything sent; gives the cases, once each has its ticket."""
    cases: list[str] = []
    for number, body in enumerate([*reports(), *quarantined()]):
        answer = whole.send(body, delivery_id=f"canary-{number}")
        assert answer.status_code == 202, answer.text
        cases += [item["case_id"] for item in answer.json()["results"] if item.get("case_id")]
        assert_clean(answer.text, f"the answer to delivery {number}")
    assert len(cases) == len(canaries.FORMS)
    eventually(lambda: len(whole.records.board_tickets()) >= len(cases), seconds=60)
    return cases


def assert_clean(text: str, where: str) -> None:
    found = {form: leaked for form in canaries.FORMS if (leaked := canaries.leaks(text, form))}
    assert found == {}, where


def test_no_canary_in_any_table(whole: Edge, sent: list[str]) -> None:
    seen = ""
    with closing(sqlite3.connect(whole.folder / "data" / "records.db")) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f"SELECT * FROM {table}"):
                text = "|".join(cell.decode("latin-1") if isinstance(cell, bytes) else str(cell) for cell in row)
                assert_clean(text, table)
                seen += text
    assert KNOWN in seen
    assert all(case in seen for case in sent)


def test_no_canary_in_the_files_of_records_and_temporal(whole: Edge, sent: list[str], database: Path) -> None:
    assert sent
    for folder, pattern, known in ((database.parent, "temporal.*", KNOWN), (whole.folder / "data", "*", KNOWN)):
        raw = b"".join(path.read_bytes() for path in sorted(folder.glob(pattern)) if path.is_file()).decode("latin-1")
        assert known in raw
        assert_clean(raw, str(folder))


def test_no_canary_in_tickets_and_pages(whole: Edge, sent: list[str]) -> None:
    for case_id in sent:
        assert_clean(json.dumps(whole.case(case_id)), case_id)
        assert_clean(json.dumps(whole.http.get(f"/v1/cases/{case_id}/timeline", headers=whole.api()).json()), case_id)
    assert_clean(whole.http.get("/v1/quarantine", headers=whole.api()).text, "quarantine")


def test_no_canary_in_logs(whole: Edge, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for number, body in enumerate([*reports(), *quarantined()]):
            assert whole.send(body, delivery_id=f"canary-again-{number}").status_code == 202
    assert_clean(caplog.text, "logs")


def test_the_original_still_has_everything(whole: Edge, sent: list[str]) -> None:
    assert sent
    found = whole.records.open_original(
        "own", "canary-3", actor="test", reason="proof", at=datetime.now(UTC), keys=whole.keys.sealing
    )
    assert canaries.MARK.encode() in found.body
