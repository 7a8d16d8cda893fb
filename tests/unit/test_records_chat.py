"""Where messages of cases are: kept while a case runs, and forgotten some time after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stanch.records import CaseRow, Records

NOW = datetime.now(UTC).replace(microsecond=0)
OLD = NOW - timedelta(days=91)


def test_old_messages_are_forgotten_once_their_case_is_over(tmp_path: Path) -> None:
    records = Records(f"sqlite:///{tmp_path / 'r.db'}", b"k" * 32)
    for name, closed, at in (("over", OLD, OLD), ("young", OLD, NOW), ("runs", None, OLD), ("nowhere", OLD, OLD)):
        if name != "nowhere":
            records.put_case(CaseRow(case_id=name, version=1, opened=OLD, updated=OLD, closed=closed))
        records.put_chat_message(name, "user:ana", "k", posted=("D01ANA", "1.1"), at=at)
    assert records.forget_chat_messages(NOW) == 2
    assert records.forget_chat_messages(NOW) == 0
    kept = {name: records.chat_places(name, "k") for name in ("over", "young", "runs", "nowhere")}
    assert kept == {"over": set(), "young": {"D01ANA"}, "runs": {"D01ANA"}, "nowhere": set()}
    records.close()
