"""What the noise layer of an ownership file says of a finding, and what records add to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stanch.errors import ConfigError
from stanch.noise.judging import Scene, noise_of
from stanch.noise.words import Noise
from stanch.records import CaseNoise, Records
from stanch.routing import RouteTable, load_routes
from stanch.views import FindingView

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = b"k" * 32
FILE = """version: routing/v1
directory:
  users: {user:ana: {name: Ana, slack: U01ANA}}
  teams: {team:appsec: {lead: user:ana, slack: C0APPSEC}, team:web: {lead: user:ana, slack: C0WEB}}
default: {id: fallback, owner: team:appsec}
rules:
  - {id: web, match: {host: web.example.com}, owner: team:web}
grouping:
  - {id: small, when: "finding.severity == 'low'", by: [owner, rule, type], wait: 1m}
  - {id: rest, by: [owner, severity]}
inhibit:
  - id: down
    source: {when: "finding.type == 'down'"}
    target: {when: "finding.severity != 'critical'"}
    equal: [api.host]
silences:
  - {id: pentest, match: {host: web.example.com, path: /admin/**},
     when: "has(finding.actor.ip) && finding.actor.ip == '192.0.2.10'",
     from: 2026-03-01T00:00:00Z, until: 2026-03-08T00:00:00Z, reason: planned, by: user:ana}
  - {id: longer, match: {host: web.example.com, path: /admin/x}, from: 2026-03-01T00:00:00Z,
     until: 2026-03-09T00:00:00Z, keep: [record, ticket], reason: also, by: user:ana}
"""


@pytest.fixture(scope="module")
def table() -> RouteTable:
    return load_routes(FILE)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    found = Records(f"sqlite:///{tmp_path}/records.db", KEY)
    yield found
    found.close()


def judged(table: RouteTable, records: Records | None = None, case_id: str = "case-1", **said: Any) -> Noise:
    api = {"host": "web.example.com", "path": said.pop("path", "/")}
    at, is_weak = said.pop("at", NOW), said.pop("is_weak", False)
    finding = FindingView.model_validate({"api": api, **said})
    view = table.route(finding, at).view
    return noise_of(table, records, Scene(finding, view, at, case_id=case_id, key=KEY, is_weak=is_weak))


def test_a_silence_needs_its_place_its_condition_and_its_time(table: RouteTable) -> None:
    actor = {"ip": "192.0.2.10"}
    quiet = judged(table, path="/admin/y", actor=actor).quiet
    assert quiet is not None
    assert (quiet.rule, quiet.by, quiet.keeps_ticket) == ("pentest", "user:ana", False)
    assert judged(table, path="/public", actor=actor).quiet is None
    assert judged(table, path="/admin/y", actor={"ip": "192.0.2.11"}).quiet is None
    assert judged(table, path="/admin/y").quiet is None
    assert judged(table, path="/admin/y", actor=actor, at=NOW + timedelta(days=6)).quiet is None
    assert judged(table, path="/admin/y", actor=actor, at=NOW - timedelta(days=6)).quiet is None


def test_of_two_silences_the_longer_counts_and_either_keeps_the_ticket(table: RouteTable) -> None:
    quiet = judged(table, path="/admin/x", actor={"ip": "192.0.2.10"}).quiet
    assert quiet is not None
    assert (quiet.rule, quiet.keeps_ticket) == ("longer", True)


def test_every_rule_that_was_looked_at_is_told(table: RouteTable) -> None:
    said = judged(table, severity="low", type="headers").considered
    assert said[0] == "silence pentest: another place"
    assert said[-1] == "grouping small: owner=team:web, rule=web, type=headers"


def test_a_group_is_what_its_members_share_and_its_id_tells_nothing(table: RouteTable) -> None:
    one, two = (judged(table, severity="low", type="headers", path=path).group for path in ("/a", "/b"))
    other = judged(table, severity="low", type="tls").group
    assert one is not None
    assert two is not None
    assert other is not None
    assert one.group_id == two.group_id != other.group_id
    assert one.group_id.startswith("group-")
    assert len(one.group_id) == 32
    assert "web" not in one.group_id
    rest = judged(table, severity="high").group
    assert rest is not None
    assert rest.grouping == "rest", "the first whose condition is true"


def test_hostile_words_of_a_finding_are_values_and_nothing_else(table: RouteTable) -> None:
    evil = "${{ finding.title }} {{ 7*7 }} ', 'x"
    group = judged(table, severity="low", type=evil * 50).group
    assert group is not None
    assert dict(group.by)["type"] == (evil * 50)[:200]


def test_a_source_that_only_shows_a_url_silences_nobody_and_joins_no_group_of_others(
    table: RouteTable, records: Records
) -> None:
    assert not judged(table, records, "case-forged", type="down", severity="critical", is_weak=True).is_source
    assert judged(table, records, "case-target").quiet is None
    strong, weak = (judged(table, severity="low", type="headers", is_weak=each).group for each in (False, True))
    assert strong is not None
    assert weak is not None
    assert strong.group_id != weak.group_id
    judged(table, records, "case-source", type="down", severity="critical")
    assert judged(table, records, "case-held", is_weak=True).quiet is not None, "it may be held back itself"


def test_a_silence_is_looked_at_again_every_day_since_it_may_be_gone(table: RouteTable) -> None:
    quiet = judged(table, path="/admin/x", actor={"ip": "192.0.2.10"}).quiet
    assert quiet is not None
    assert quiet.again == NOW + timedelta(days=1)
    late = judged(table, path="/admin/x", at=NOW + timedelta(days=6)).quiet
    assert late is not None
    assert late.again == late.until


def test_a_source_holds_its_targets_back_until_it_is_over(table: RouteTable, records: Records) -> None:
    assert judged(table, records, "case-source", type="down", severity="critical").is_source
    held = judged(table, records, "case-target").quiet
    assert held is not None
    assert (held.kind, held.source, held.keeps_ticket) == ("inhibition", "case-source", True)
    assert judged(table, records, "case-grave", severity="critical").quiet is None, "not a target"
    assert records.uninhibit("case-source") == ["case-target"]
    assert records.uninhibit("case-source") == ["case-target"], "named again until it has been told"
    records.forget_held("case-source", ["case-target"])
    assert records.uninhibit("case-source") == []
    assert judged(table, records, "case-target").quiet is None


def test_a_finding_on_both_sides_is_held_back_by_a_pure_source_only(table: RouteTable, records: Records) -> None:
    assert judged(table, records, "case-1", type="down").quiet is None, "not by itself"
    assert judged(table, records, "case-2", type="down").quiet is None, "not by its like"
    assert judged(table, records, "case-1", type="down").quiet is None
    judged(table, records, "case-pure", type="down", severity="critical")
    quiet = judged(table, records, "case-2", type="down").quiet
    assert quiet is not None
    assert quiet.source == "case-pure"


def test_inhibition_needs_equal_values(table: RouteTable, records: Records) -> None:
    judged(table, records, "case-source", type="down", severity="critical")
    finding = FindingView.model_validate({"api": {"host": "other.example.com"}})
    view = table.route(finding, NOW).view
    assert noise_of(table, records, Scene(finding, view, NOW, case_id="case-2", key=KEY)).quiet is None


def test_records_that_are_down_hold_nothing_back(table: RouteTable, records: Records, tmp_path: Path) -> None:
    judged(table, records, "case-source", type="down", severity="critical")
    records.close()
    (tmp_path / "records.db").unlink()
    (tmp_path / "records.db").mkdir()
    noise = judged(table, records, "case-target")
    assert noise.quiet is None
    assert any("cannot be read" in line for line in noise.considered)


def test_a_late_word_never_takes_a_group_back_a_generation(records: Records) -> None:
    records.put_generation("group-x", 3, NOW)
    records.put_generation("group-x", 2, NOW)
    assert records.generation("group-x") == 3
    assert records.generation("group-y") == 1


def test_lists_know_group_and_silence_of_a_case(records: Records) -> None:
    records.put_noise(CaseNoise("case-1", group_id="group-x", quiet="silenced", until=NOW))
    records.put_noise(CaseNoise("case-2", group_id="group-x"))
    assert records.noise_of(["case-1", "case-3"]) == {"case-1": CaseNoise("case-1", "group-x", "silenced", NOW)}
    assert records.members("group-x") == ["case-1", "case-2"]


def test_the_condition_of_a_grouping_is_checked_when_it_loads() -> None:
    with pytest.raises(ConfigError) as caught:
        load_routes(FILE.replace("finding.severity == 'low'", "finding.severty == 'low'"))
    assert [problem.code for problem in getattr(caught.value, "problems", ())] == ["R002"]


def test_a_source_that_never_said_that_it_is_over_holds_nothing_for_ever(table: RouteTable, records: Records) -> None:
    judged(table, records, "case-lost", type="down", severity="critical")
    assert judged(table, records, "case-target", at=NOW + timedelta(days=29)).quiet is not None
    assert judged(table, records, "case-target", at=NOW + timedelta(days=31)).quiet is None
