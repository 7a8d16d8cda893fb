"""A problem keeps its case: whatever the template is called, whichever is known, and when a tool begins to send ids."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from arrival_support import arrive
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.findings import Finding, Origin, case_id, complete, parse_finding, to_finding
from stanch.findings.report import FindingReport
from stanch.inventory import ApiInventory, parse_inventory
from stanch.records import Names, Records
from stanch.sources import extract

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
KEY = b"0123456789abcdef"


def inventory(*paths: str) -> ApiInventory:
    words = json.dumps(list(paths))
    return parse_inventory(
        f"version: inventory/v1\napis: {{a: {{host: a.example.com, paths: {words}}}}}", folder=Path()
    )


NOTHING = inventory()
SPEC = inventory("/users/{userId}", "/users/me", "/{year}/report", "/2024/report")


def made(path: str, *, uid: str = "", source: str = "scan", **more: Any) -> Finding:
    api = {"host": "a.example.com", "path": path, "method": "GET", **more.pop("api", {})}
    report = FindingReport.model_validate({"rule": "r", "title": "t", "uid": uid, "api": api, **more})
    return to_finding(report, Origin(source_id=source, stable_id=bool(uid)))


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records(f"sqlite:///{tmp_path}/records.db", KEY)
    yield opened
    opened.close()


def take(records: Records, *findings: Finding) -> list[str]:
    names = [Names.of(finding) for finding in findings]
    return arrive(records, names, mint=lambda identity: case_id(identity, KEY), at=NOW)


@pytest.mark.parametrize(
    ("path", "declared", "known", "template", "basis"),
    [
        ("/users/7", "", SPEC, "/users/{userId}", "spec"),
        ("/users/7", "/users/{id}", SPEC, "/users/{userId}", "spec"),
        ("/users/7", "/users/{id}", NOTHING, "/users/{id}", "declared"),
        ("/users/7", "", NOTHING, "/users/{p}", "heuristic"),
        ("", "/users/{id}", SPEC, "/users/{userId}", "spec"),
        ("/users/../admin", "", SPEC, "/users/../admin", "none"),
        ("/users/x%2fadmin", "", SPEC, "/users/x%2fadmin", "none"),
        ("", "", SPEC, "", "none"),
    ],
)
def test_specification_then_tool_then_heuristic(
    path: str, declared: str, known: ApiInventory, template: str, basis: str
) -> None:
    finding = complete(made(path, api={"path_template": declared}), known)
    assert (finding.api.path_template, finding.api.template_basis) == (template, basis)
    assert complete(finding, known) == finding
    assert complete(complete(finding, NOTHING), known) == finding, "the tool's own template is not lost"
    assert (
        complete(finding, NOTHING).identity == complete(made(path, api={"path_template": declared}), NOTHING).identity
    )


def test_identities_begin_with_that_of_the_case_and_name_every_template() -> None:
    finding = complete(made("/latest/report", uid="t-1", api={"path_template": "/latest/{what}"}), SPEC)
    prints = finding.fingerprints
    assert finding.identities[0] == prints.identity_src == finding.identity
    assert finding.identities[1] == prints.identity_calc
    assert prints.aliases == finding.identities
    assert len(set(finding.identities)) == 4, "stable id, specification, tool, heuristic"


def test_what_a_variable_is_called_is_no_difference() -> None:
    by_heuristic, by_tool = made("/users/7"), made("/users/8", api={"path_template": "/users/{id}"})
    by_file = complete(made("/users/9"), SPEC)
    assert len({by_heuristic.identity, by_tool.identity, by_file.identity}) == 1
    assert by_heuristic.correlation == by_file.correlation


def test_two_functions_behind_one_api_stay_two_problems() -> None:
    text = "version: inventory/v1\napis: {a: {host: a.example.com}}\nresources: [{match: 'arn:aws:x:*', api: a}]"
    known = parse_inventory(text, folder=Path())
    one, two = (
        complete(parse_finding({"rule": "r", "title": "t", "resource": {"uid": f"arn:aws:x:{name}"}}), known)
        for name in ("one", "two")
    )
    assert one.identity != two.identity
    assert one.api.host == ""


def test_a_problem_keeps_its_case_when_a_specification_comes_and_goes(records: Records) -> None:
    raw = made("/latest/report")
    before = take(records, complete(raw, NOTHING))
    assert take(records, complete(raw, SPEC)) == before
    assert complete(raw, NOTHING).identity != complete(raw, SPEC).identity
    assert take(records, complete(made("/newest/report"), SPEC)) == before, "the specification says it is one operation"
    assert take(records, complete(raw, NOTHING)) == before


def test_a_case_of_the_specification_is_found_without_it(records: Records) -> None:
    with_it = take(records, complete(made("/latest/report"), SPEC))
    assert take(records, complete(made("/latest/report"), NOTHING)) == with_it


def test_operations_that_a_specification_tells_apart_are_not_merged_by_the_heuristic(records: Records) -> None:
    """The heuristic takes /2024/report and /2023/report for one."""
    one, two = (complete(made(path), SPEC) for path in ("/2024/report", "/2023/report"))
    assert set(one.identities) & set(two.identities)
    assert len(set(take(records, one, two))) == 2
    cases = take(records, one, two)
    assert take(records, two, one) == cases[::-1]
    assert take(records, complete(made("/2023/report"), NOTHING)) == cases[1:], "it was that one's own before"


def test_a_tool_that_begins_to_send_ids_keeps_its_cases(records: Records) -> None:
    before = take(records, made("/users/7"))
    assert take(records, made("/users/7", uid="t-1")) == before
    assert take(records, made("/elsewhere", uid="t-1")) == before, "from now on its id decides"


def test_two_stable_ids_of_one_source_are_never_merged(records: Records) -> None:
    one, two, other = (made("/users/7", uid=uid) for uid in ("t-1", "t-2", "t-3"))
    cases = take(records, one, two)
    assert len(set(cases)) == 2
    assert take(records, two, one) == cases[::-1]
    assert take(records, other)[0] not in cases
    assert take(records, made("/users/7")) == cases[:1], "without an id it is the first one that was there"


def test_another_source_joins_by_place(records: Records) -> None:
    first = take(records, made("/users/7", uid="t-1"))
    assert take(records, made("/users/9", uid="9", source="other")) == first
    assert take(records, made("/users/9", uid="10", source="other")) != first


def test_what_comes_first_in_a_batch_counts_for_the_rest(records: Records) -> None:
    raw = made("/latest/report", uid="t-1")
    cases = take(
        records, complete(raw, SPEC), complete(made("/latest/report"), SPEC), made("/users/1"), made("/users/2")
    )
    assert cases[0] == cases[1]
    assert cases[2] == cases[3] != cases[0]


def test_what_is_only_read_is_not_remembered(records: Records) -> None:
    names = Names.of(complete(made("/latest/report"), SPEC))
    assert records.matches_of([names]) == [(None, "new")]
    assert records.matches_of([names]) == [(None, "new")]
    arrive(records, [names], mint=lambda _: "case-1", at=NOW)
    arrive(records, [names], mint=lambda _: "case-2", at=NOW)
    assert records.matches_of([names, Names("scan")]) == [("case-1", "calculated"), (None, "new")]
    assert records.aliases_of("case-2") == []


def test_what_has_no_identity_gets_no_case(records: Records) -> None:
    with pytest.raises(ValueError, match="strangers"):
        take(records, parse_finding({"title": "t"}))


def test_many_at_once(records: Records) -> None:
    findings = [made(f"/thing{number}/x") for number in range(1500)]
    cases = take(records, *findings)
    assert len(set(cases)) == 1500
    assert take(records, *findings) == cases


@cache
def found_in(path: Path) -> tuple[Finding, ...]:
    return extract(path.read_bytes()).findings


FILES = [path for path in sorted(SAMPLES.glob("*.json*")) if found_in(path)]


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in sorted(value, reverse=True)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_order_of_keys_and_the_words_never_matter(path: Path) -> None:
    findings = found_in(path)
    again = extract(_reordered(path)).findings
    assert sorted(finding.identities for finding in again) == sorted(finding.identities for finding in findings)
    for finding in findings:
        assert complete(finding, NOTHING).identities == finding.identities
        assert finding.identity in finding.fingerprints.aliases or not finding.identity


def _reordered(path: Path) -> bytes:
    try:
        return json.dumps(shuffled(json.loads(path.read_bytes()))).encode()
    except ValueError:
        lines = path.read_text("utf-8").splitlines()
        return "\n".join(json.dumps(shuffled(json.loads(line))) for line in lines if line.strip()).encode()


VOLATILE = {
    "title": st.text(max_size=30),
    "description": st.text(max_size=30),
    "severity": st.sampled_from(["info", "low", "medium", "high", "critical"]),
    "confidence": st.floats(0, 1),
    "count": st.integers(1, 1000),
    "first_seen": st.sampled_from([None, "2026-01-01T00:00:00Z"]),
    "last_seen": st.sampled_from([None, "2026-02-01T00:00:00Z"]),
    "labels": st.lists(st.sampled_from(["a", "b"]), max_size=2),
    "remediation": st.text(max_size=10),
}


@settings(max_examples=60)
@given(st.fixed_dictionaries({}, optional=VOLATILE))
def test_severity_title_text_time_and_counts_never_matter(words: dict[str, Any]) -> None:
    plain = {"rule": "r", "title": "t", "uid": "u", "api": {"host": "a.example.com", "path": "/latest/report"}}
    changed = copy.deepcopy(plain) | words
    for known in (NOTHING, SPEC):
        one, two = (complete(parse_finding(item), known) for item in (plain, changed))
        assert one.identities == two.identities
        assert one.correlation == two.correlation
