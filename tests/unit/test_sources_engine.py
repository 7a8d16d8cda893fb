"""The adapter engine: nothing a sender writes can break it, and mistakes of authors are told at their place."""

from __future__ import annotations

import copy
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jmespath
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from stanch.cli.findings import findings
from stanch.cli.validate import validate
from stanch.documents import load
from stanch.errors import ConfigError
from stanch.findings import Origin
from stanch.intake.bodies import DEFAULT_LIMITS, parse_documents
from stanch.intake.config import load_sources
from stanch.intake.redaction import Redactor
from stanch.sources import Extraction, Reason, extract, load_adapter, load_library, shipped
from stanch.sources.adapter import AdapterFile
from stanch.sources.envelopes import opened
from stanch.sources.expressions import Engine
from stanch.sources.extract import Setting, extract_documents
from stanch.sources.functions import AdapterFunctions
from stanch.sources.redacting import RowRedactor
from stanch.sources.rows import report_data, rows
from stanch.sources.screening import needs

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
FILES = sorted(path for path in SAMPLES.iterdir() if path.is_file() and path.name != "INDEX.tsv")
PARSED = {path.name: parse_documents(path.read_bytes())[:2] for path in FILES if path.stat().st_size < 40_000}
SETTING = Setting(shipped(), Redactor(b"engine"), DEFAULT_LIMITS, Origin())
RUNNER = CliRunner()


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


ODD = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 5000, 2**63, 10**400, -(10**400), 1e308, -0.0, 0.5),
        *(
            "",
            " ",
            "null",
            "x" * 70_000,
            "\x00",
            "\ud7ff￿",
            "{{ 7 * 7 }}",
            "9" * 4000,
            "https://[",
            "//",
            "GET /",
            "-1",
        ),
        *([], {}, [None], [[]], [1, "a", None, {}], {"a": {"b": []}}, {"": ""}, {"id": 1, "uid": [2]}, nested(90)),
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*path, key))


def put(root: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    target = root
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return root


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_part_of_any_report_may_be_anything(data: st.DataObject) -> None:
    documents = copy.deepcopy(PARSED[data.draw(st.sampled_from(sorted(PARSED)))])
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(list(places(documents))))
        documents = put(documents, path, copy.deepcopy(data.draw(ODD)))
        documents = documents if isinstance(documents, list) else [documents]
    found = extract_documents(documents, adapter=None, setting=SETTING)
    assert all(finding.identity for finding in found.findings)
    assert all(json.dumps(finding.model_dump(mode="json")) for finding in found.findings)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_an_adapter_survives_reports_of_every_other_tool(data: st.DataObject) -> None:
    """Also where a source names the wrong adapter and `detect` is fooled: the fields are evaluated all the same."""
    documents = PARSED[data.draw(st.sampled_from(sorted(PARSED)))]
    adapter = shipped().adapters[data.draw(st.sampled_from(sorted(shipped().adapters)))]
    for document in documents:
        warnings = Counter[str]()
        for row in list(rows(adapter, document, warnings))[:20]:
            report_data(adapter, row, warnings)


def test_numbers_without_end_are_refused_or_ignored() -> None:
    with pytest.raises(Exception, match="not valid JSON"):
        extract(b'{"id": ' + b"9" * 1_000_000 + b"}")
    body = json.loads((SAMPLES / "guardduty_bare_high.json").read_text())
    body["service"] |= {"count": 10**400, "eventFirstSeen": 10**400}
    found = extract(json.dumps(body).encode())
    assert [finding.count for finding in found.findings] == [1]
    assert found.findings[0].finding_info.first_seen_time is None


def test_a_delivery_of_many_tiny_rows_costs_no_more_than_one_of_the_allowed_size() -> None:
    report = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": [{}] * 4000}]}
    start = time.process_time()
    found = extract(json.dumps([report] * 40).encode())
    assert {item.reason for item in found.quarantined} == {Reason.WEAK_IDENTITY, Reason.TOO_LARGE}
    assert time.process_time() - start < 20


def variants(documents: list[Any]) -> Iterator[list[Any]]:
    """The same problems again: keys in another order, other severity, words, times, counts and ids of the scan."""
    told = {
        *("severity", "Severity", "riskcode", "level", "title", "Title", "message", "desc", "description", "count"),
        *("Description", "generated", "@generated", "created", "timestamp", "time", "last_seen_time", "lastSeen"),
        *("UpdatedAt", "LastObservedAt", "eventLastSeen", "scan_id", "guid", "serialNumber", "confidence"),
    }

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: _other(item) if key in told else changed(item) for key, item in reversed(value.items())}
        return [changed(item) for item in value] if isinstance(value, list) else value

    yield changed(documents)


def _other(value: Any) -> Any:
    if isinstance(value, str):
        other = {"critical": "high", "high": "medium", "medium": "low", "low": "info", "error": "note"}
        return other.get(value) or (value if value.isdigit() else f"{value} (again)")
    return value + 1 if isinstance(value, int) and not isinstance(value, bool) else value


SAME_AGAIN = [
    *("asff_one_vuln.json", "asff_guardduty_many.json", "burp_seven_findings.xml", "crunch42_audit_many_findings.json"),
    *("guardduty_bare_high.json", "nuclei_secureCodeBox.jsonl", "ocsf_api_attack_constructed.json"),
    *("ocsf_prowler_aws_array.json", "own_array_constructed.json", "sarif_bash_report.sarif"),
    *("sarif_states_constructed.sarif", "wallarm_new_hits_array.json", "zap_zap_results_first_scan.xml"),
]


@pytest.mark.parametrize("name", SAME_AGAIN)
def test_the_same_problem_again_is_the_same(name: str) -> None:
    documents = parse_documents((SAMPLES / name).read_bytes())
    before = identities(extract_documents(documents, adapter=None, setting=SETTING))
    for again in variants(documents):
        found = extract_documents(again, adapter=None, setting=SETTING)
        assert identities(found) == before
    assert before


def identities(found: Extraction) -> list[str]:
    return sorted({finding.identity for finding in found.findings})


def sarif(*results: dict[str, Any], run: dict[str, Any] | None = None) -> list[str]:
    body = {"runs": [{"tool": {"driver": {"name": "t"}}, "results": list(results)} | (run or {})]}
    return [finding.identity for finding in extract(json.dumps(body).encode()).findings]


def result(uri: str, **more: Any) -> dict[str, Any]:
    location = {"physicalLocation": {"artifactLocation": {"uri": uri}}}
    return {"ruleId": "r", "message": {"text": "m"}, "locations": [location]} | more


def test_different_problems_of_one_rule_never_merge() -> None:
    one, two = result("a.py"), result("b.py")
    assert len(set(sarif(one, two))) == 2
    shared = {"fingerprints": {"v1": "requires login"}}
    assert len(set(sarif(one | shared, two | shared))) == 2
    line = {"partialFingerprints": {"primaryLocationLineHash": "39fa2ee980eb94b0:1"}}
    assert len(set(sarif(one | line, two | line))) == 2
    requests = [{"ruleId": "r", "message": {"text": f"Failure in 'GET /{name}'"}} for name in ("users", "orders")]
    assert len(set(sarif(*requests))) == 2


def test_a_fingerprint_follows_the_problem_through_the_code_and_a_guid_does_not() -> None:
    whole = {"fingerprints": {"matchBasedId/v1": "0123456789abcdef_0"}}
    assert sarif(result("a.py", guid="1", **whole)) == sarif(result("moved.py", guid="2", **whole))
    assert sarif(result("a.py", guid="1")) == sarif(result("a.py", guid="2"))
    run = [{"automationDetails": {"id": f"nightly/{day}"}} for day in ("monday", "tuesday")]
    assert sarif(result("a.py"), run=run[0]) == sarif(result("a.py"), run=run[1])


def test_the_order_of_fingerprints_does_not_matter() -> None:
    prints = {"b/v1": "bbbbbbbbbbbb1", "a/v1": "aaaaaaaaaaaa1"}
    turned = dict(reversed(prints.items()))
    assert sarif(result("a", fingerprints=prints)) == sarif(result("a", fingerprints=turned))


def nuclei(**more: Any) -> str:
    item = {"template-id": "t", "info": {"name": "n", "severity": "low"}, "matched-at": "https://a.example.com/x"}
    return extract(json.dumps(item | more).encode()).findings[0].identity


def test_matchers_and_parameters_are_problems_of_their_own() -> None:
    assert len({nuclei(), nuclei(**{"matcher-name": "one"}), nuclei(**{"matcher-name": "two"})}) == 3
    old = {"templateID": "t", "info": {"name": "n", "severity": "low"}, "matched": "https://a.example.com/x"}
    assert extract(json.dumps(old).encode()).findings[0].identity == nuclei()


def test_cloudevents_in_each_mode_give_the_same_finding() -> None:
    data = json.loads((SAMPLES / "own_attack.json").read_text())
    event = {"specversion": "1.0", "type": "t", "source": "/s", "id": "1", "data": data}
    modes = [(data, "application/json"), (event, "application/cloudevents+json")]
    modes.append(([event], "application/cloudevents-batch+json; charset=utf-8"))
    found = [extract(json.dumps(body).encode(), media) for body, media in modes]
    assert len({finding.identity for item in found for finding in item.findings}) == 1
    assert [len(item.findings) for item in found] == [1, 1, 1]


def test_an_event_that_is_repeated_in_a_batch_counts_once() -> None:
    found = extract((SAMPLES / "cloudevents_batch_constructed.json").read_bytes())
    assert found.ignored == {"the same event again": 1}


@pytest.mark.parametrize("body", [b'{"Findings": []}', b'{"detail-type": "x", "detail": {"findings": []}}', b"[]"])
def test_an_empty_list_is_accepted_and_gives_nothing(body: bytes) -> None:
    found = extract(body)
    assert (found.findings, found.quarantined) == ((), ())


def test_a_scan_in_lines_that_found_nothing_is_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "clean.jsonl").write_text("")
    (tmp_path / "clean.json").write_text("")
    assert run("findings", str(tmp_path / "clean.jsonl"))[0] == 0
    assert run("findings", str(tmp_path / "clean.json"))[0] == 3


def test_rows_are_redacted_as_the_redactor_would() -> None:
    redactor = Redactor(b"k")
    data = {
        "title": "password=Canary1 in a text that is long enough to be kept for the next row",
        "description": "password=Canary1 in a text that is long enough to be kept for the next row",
        "api": {"path": "/users/a@example.com"},
        "count": 3,
    }
    rowwise = RowRedactor(redactor)
    for _ in range(2):
        assert rowwise.report(data) == redactor.report(data)


def detections() -> list[tuple[str, str]]:
    folder = Path(__file__).parents[2] / "stanch" / "sources"
    files = (AdapterFile.model_validate(load(path.read_text()).data) for path in sorted(folder.glob("[!_]*.yaml")))
    return [(made.id, made.detect) for made in files]


def test_screening_by_keys_never_rules_out_what_holds() -> None:
    options = jmespath.Options(custom_functions=AdapterFunctions())
    inner = [
        item for documents in PARSED.values() for outer in documents for item in opened(outer, shipped().envelopes)
    ]
    inner = [item for item in inner if isinstance(item, dict)]
    for name, text in detections():
        for document in inner:
            missing = not any(part <= document.keys() for part in needs(text))
            if missing:
                assert not jmespath.search(text, document, options), name


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a && b.c", [{"a", "b"}]),
        ("a || b", [{"a"}, {"b"}]),
        ("a == 'x' && (b[0].c || d[?e])", [{"a", "b"}, {"a", "d"}]),
        ("a != 'x'", [set()]),
        ("!a", [set()]),
        ("type(a) == 'null'", [set()]),
        ("a == `null`", [set()]),
        ("a.type(@) == 'null'", [set()]),
        ("a | 'x'", [set()]),
    ],
)
def test_what_an_expression_needs(text: str, wanted: list[set[str]]) -> None:
    assert list(needs(text)) == wanted


ADAPTER = """\
version: adapter/v1
id: acme
title: Acme sensor
detect: acme_version
foreach:
  - {as: alert, in: doc.alerts}
tables:
  severity: [[8, critical], [5, high], [0, low]]
map:
  title: alert.name
  type: alert.name
  severity: table('severity', alert.score)
  api.url: alert.url
"""
TITLE = "title: alert.name"


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        (TITLE, "title: alert.name || .x", "S004", (10, 24)),
        (TITLE, "title: 'alert.name || ]'", "S004", (10, 25)),
        (TITLE, 'title: "alert.\\"name\\" || ]"', "S004", (10, 29)),
        (TITLE, "title: alert.name || alerts.name", "S005", (10, 24)),
        (TITLE, "title: alert.name || upper(alert.name)", "S005", (10, 24)),
        (TITLE, "title: first(alert.a, alert.b)", "S005", (10, 10)),
        (TITLE, "title: alert.a || merge()", "S005", (10, 21)),
        (TITLE, "title: table('nosuch', alert.a)", "S005", (10, 10)),
        (TITLE, "title: alert.a || alert.b | [0]", "S006", (10, 29)),
        (TITLE, "title: alert.*.r.ip", "S006", (10, 16)),
        (TITLE, "title: values(alert.a)", "S006", (10, 10)),
        (TITLE, "title: '!alert.a && alert.b'", "S006", (10, 11)),
        ("detect: acme_version", 'detect: acme_version == "2"', "S006", (4, 25)),
        ("in: doc.alerts", "in: docs.alerts", "S005", (6, 21)),
        (TITLE, "titel: alert.name", "S003", (10, 3)),
        ("detect: acme_version", "detekt: acme_version", "S002", (4, 1)),
        ("id: acme", "id: auto", "S001", (2, 5)),
    ],
)
def test_every_mistake_is_told_at_its_character(
    tmp_path: Path, old: str, new: str, code: str, place: tuple[int, int]
) -> None:
    path = tmp_path / "adapters" / "acme.yaml"
    path.parent.mkdir()
    path.write_text(ADAPTER.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_adapter(path)
    assert (code, *place) in [(item.code, item.line, item.column) for item in caught.value.problems]
    status, out, _ = run("validate", str(path))
    assert status == 3
    assert f"acme.yaml:{place[0]}:{place[1]}" in out.replace("\n", "")
    assert code in out


def test_an_adapter_file_that_is_no_text_is_a_mistake_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        load_library([tmp_path])
    assert [problem.code for problem in caught.value.problems] == ["S001"]


def test_two_files_with_one_id_are_a_mistake(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(ADAPTER)
    with pytest.raises(ConfigError) as caught:
        load_library([tmp_path])
    assert "a.yaml" in str(caught.value.problems[0])


app = typer.Typer()
app.command()(findings)
app.command()(validate)


def run(*words: str) -> tuple[int, str, str]:
    outcome = RUNNER.invoke(app, list(words))
    return outcome.exit_code, outcome.stdout, outcome.stderr


REPORT = {"acme_version": "1", "alerts": [{"name": "Bulk Read", "score": 8.5, "url": "https://a.example.com/x/1"}]}
SOURCES = """\
version: sources/v1
sources:
  sensor:
    adapter: acme
    auth: {scheme: none}
"""


def test_a_vendor_is_one_file_in_the_policy_folder_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "policy" / "adapters"
    folder.mkdir(parents=True)
    (folder / "acme.yaml").write_text(ADAPTER)
    (tmp_path / "policy" / "sources.yaml").write_text(SOURCES)
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    monkeypatch.chdir(tmp_path)
    for words in (["--adapter", "acme"], [], ["--adapter", "acme", "--adapters", str(folder)]):
        status, out, _ = run("findings", "report.json", "--json", *words)
        assert (status, json.loads(out)["type"]) == (0, "bulk_read")
    sources = load_sources(tmp_path / "policy" / "sources.yaml")
    found = extract(json.dumps(REPORT).encode(), adapter=sources.by_name["sensor"].adapter, library=sources.library)
    assert [(item.type, item.api.path_template, item.severity_id) for item in found.findings] == [
        ("bulk_read", "/x/{p}", 5)
    ]
    assert run("validate", str(folder / "acme.yaml"))[0] == 0


def test_a_level_that_cannot_be_evaluated_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(ADAPTER.replace("in: doc.alerts", "in: sort(doc.alerts)"))
    found = extract(json.dumps({"acme_version": "1", "alerts": [{}, 1]}).encode(), library=load_library([tmp_path]))
    assert found.warnings == {"acme: alert: JMESPathTypeError": 1}


@pytest.mark.parametrize(
    ("expression", "data", "value"),
    [
        ("listed(doc)", {"a": 1}, [{"a": 1}]),
        ("listed(doc)", [1], [1]),
        ("listed(doc)", "", []),
        ("listed(doc)", None, []),
        ("at(doc, `1`)", ["a", "b"], "b"),
        ("at(doc, `-1`)", ["a", "b"], None),
        ("at(doc, `true`)", ["a", "b"], None),
        ("at(doc, 'k')", {"k": 1}, 1),
        ("at(doc, doc)", None, None),
        ("before_last(doc, '/')", "a/b/c", "a/b"),
        ("before_last(doc, '/')", "abc", None),
        ("between(doc, '[', ']')", "x [y] z", "y"),
        ("cwe_in(doc)", "CWE-89: x, cwe_079 CVE-2021-1", ["89", "079"]),
        ("cwe_in(doc)", 7, None),
        ("fingerprint(doc)", {"a": "requires login", "b": {"value": "0123456789ab"}}, "0123456789ab"),
        ("fingerprint(doc)", {"commitSha": "0123456789abcdef", "scanFileHash": "0123456789abcdef"}, None),
        ("fingerprint(doc)", ["x"], None),
        ("camel(doc)", {"Ab": [{"IpV4": 1}], "": 2}, {"ab": [{"ipV4": 1}], "": 2}),
        ("parse_json(doc)", '{"a": 1, "a": 2}', None),
        ("parse_json(doc).a", "<a>1</a>", "1"),
        ("json_pointer_op(doc, `0`).rest", ["/paths/~1a/post/parameters/0"], "parameters/0"),
        ("json_pointer_op(doc, `0`).method", ["/paths/~1a/parameters/0"], None),
    ],
)
def test_functions_for_awkward_reports(expression: str, data: Any, value: Any) -> None:
    assert Engine().compile(expression)({"doc": data}) == value
