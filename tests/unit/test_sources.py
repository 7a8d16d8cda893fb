"""Adapters: real samples give the findings that were read out of them by hand; odd bodies give reasons."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jmespath
import pytest
from jmespath.functions import Functions

from stanch.documents import load
from stanch.errors import ConfigError
from stanch.findings import Finding
from stanch.intake.bodies import Limits, parse_documents
from stanch.intake.config import SourceConfig
from stanch.intake.redaction import Redactor
from stanch.intake.signatures import Scheme
from stanch.sources import Extraction, Reason, extract, load_adapter, load_library, shipped
from stanch.sources.adapter import AdapterFile
from stanch.sources.envelopes import holds, opened
from stanch.sources.expressions import Engine, Failed
from stanch.sources.extract import claimants
from stanch.sources.functions import AdapterFunctions

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
FILES = sorted(path for path in SAMPLES.iterdir() if path.is_file() and path.name != "INDEX.tsv")
REDACTOR = Redactor(b"golden")


def sample(name: str, adapter: str | None = None) -> Extraction:
    return extract((SAMPLES / name).read_bytes(), adapter=adapter, redactor=REDACTOR)


def only(found: Extraction) -> Finding:
    assert len(found.findings) == 1
    return found.findings[0]


def shape(finding: Finding) -> dict[str, Any]:
    data = finding.model_dump(mode="json", exclude_defaults=True, exclude={"uid", "fingerprints", "correlation"})
    data["metadata"]["adapter"] = data["metadata"]["adapter"]["id"]
    return data | {"status": finding.status.value}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_samples_give_the_expected_findings(path: Path) -> None:
    found = extract(path.read_bytes(), redactor=REDACTOR)
    expected = json.loads((SAMPLES / "expected" / f"{path.name}.expected.json").read_text(encoding="utf-8"))
    assert [shape(finding) for finding in found.findings] == expected["findings"]
    assert [item.reason.value for item in found.quarantined] == expected["quarantined"]
    assert dict(found.ignored) == expected["ignored"]
    assert dict(found.warnings) == expected["warnings"]


def test_every_sample_is_listed_with_its_licence() -> None:
    rows = [line.split("\t") for line in (SAMPLES / "INDEX.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    assert {row[0] for row in rows} == {path.name for path in FILES}
    assert all(len(row) == 5 and row[2] and row[3] for row in rows)


def documents() -> list[tuple[str, Any]]:
    found = []
    for path in FILES:
        for item in parse_documents(path.read_bytes()):
            found += [(path.name, inner) for inner in opened(item, shipped().envelopes)]
    return found


def test_no_document_is_claimed_by_two_adapters() -> None:
    for name, document in documents():
        assert len(claimants(document, shipped())) <= 1, name


def test_every_adapter_is_exercised_by_a_sample_or_by_name() -> None:
    claimed = {owner for _, document in documents() for owner in claimants(document, shipped())}
    assert set(shipped().adapters) - claimed == {"ocsf_activity"}


def test_wallarm_schema_generations_agree() -> None:
    new, old = sample("wallarm_new_hits_array.json").findings[0], only(sample("wallarm_new_hits_2021_domain.json"))
    assert (new.api.host, old.api.host) == ("example.com", "www.example.com")
    assert new.type == old.type == "sqli"


def test_wallarm_hits_are_grouped_by_problem_not_by_request() -> None:
    body = json.loads((SAMPLES / "wallarm_new_hits_array.json").read_text())
    again = json.loads(json.dumps(body))
    again[0]["details"]["hit"]["request_id"] = "another"
    assert (
        extract(json.dumps(body).encode()).findings[0].identity
        == extract(json.dumps(again).encode()).findings[0].identity
    )


def test_a_test_message_is_a_test_whatever_it_contains() -> None:
    assert only(sample("wallarm_test_message_constructed.json")).status == "test"
    assert only(sample("guardduty_eventbridge_ec2_c2_sample.json")).status == "test"


def test_addresses_of_proxies_are_known_to_be_shared() -> None:
    body = json.loads((SAMPLES / "wallarm_new_hits_2021_domain.json").read_text())
    assert not only(extract(json.dumps(body).encode())).actors[0].ip_is_shared
    body[0]["details"]["hit"]["proxy_type"] = "VPN"
    assert only(extract(json.dumps(body).encode())).actors[0].ip_is_shared
    assert only(sample("traceable_domain_event_graphql.json")).actors[0].ip_is_shared


def test_a_finding_is_the_same_bare_and_inside_sns_and_eventbridge() -> None:
    bare = json.loads((SAMPLES / "guardduty_eventbridge_ssh_brute_force.json").read_text())["detail"]
    identities = {only(extract(json.dumps(bare).encode())).identity}
    identities |= {
        only(sample(name)).identity
        for name in ("sns_notification_v2.json", "guardduty_eventbridge_ssh_brute_force.json")
    }
    assert len(identities) == 1


def test_ocsf_inside_security_hub_events() -> None:
    inner = json.loads((SAMPLES / "ocsf_api_attack_constructed.json").read_text())
    event = {"detail-type": "Findings Imported V2", "source": "aws.securityhub", "detail": {"findings": [inner]}}
    assert only(extract(json.dumps(event).encode())).identity == only(extract(json.dumps(inner).encode())).identity


@pytest.mark.parametrize("class_uid", [2002, 2003, 2004, 2006, 2007])
def test_ocsf_finding_classes(class_uid: int) -> None:
    body = {
        "class_uid": class_uid,
        "severity_id": 4,
        "finding_info": {"uid": "1", "title": "x", "analytic": {"uid": "r"}},
    }
    finding = only(extract(json.dumps(body).encode()))
    assert (finding.class_uid, finding.severity_id) == (class_uid, 4)


@pytest.mark.parametrize("class_uid", [6003, 4002, 2005, 7001])
def test_ocsf_activity_is_no_finding(class_uid: int) -> None:
    body = {"class_uid": class_uid, "metadata": {"version": "1.4.0"}, "http_request": {"url": {"path": "/"}}}
    found = extract(json.dumps(body).encode())
    assert [item.reason for item in found.quarantined] == [Reason.NOT_A_FINDING]


def shuffled(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        dice.shuffle(names)
        return {name: shuffled(value[name], dice) for name in names}
    return [shuffled(item, dice) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix != ".xml"], ids=lambda path: path.name)
def test_identities_do_not_depend_on_the_order_of_keys(path: Path) -> None:
    data = parse_documents(path.read_bytes())
    mixed = json.dumps(shuffled(data, random.Random(7))).encode()
    before = sorted(finding.identity for finding in extract(json.dumps(data).encode()).findings)
    assert sorted(finding.identity for finding in extract(mixed).findings) == before


def test_rows_that_speak_of_one_problem_are_one_finding() -> None:
    found = sample("stackhawk_one_vul.json")
    assert (found.findings[0].api.path_template, found.findings[0].count) == ("/payload/{p}", 8)
    assert len({item.identity for item in found.findings}) == len(found.findings)


def test_an_explicit_adapter_refuses_what_is_not_its_own() -> None:
    found = sample("wallarm_new_hits_array.json", adapter="zap")
    assert [item.reason for item in found.quarantined] == [Reason.WRONG_ADAPTER] * 2
    assert "wallarm" in found.quarantined[0].message


def test_an_unknown_adapter_name_is_said() -> None:
    found = extract(b'{"a": 1}', adapter="nosuch")
    assert found.quarantined[0].reason is Reason.WRONG_ADAPTER


def test_one_bad_item_does_not_sink_the_batch() -> None:
    found = sample("own_batch_constructed.ndjson")
    assert found.indexes == (0,)
    assert [(item.reason, item.index, item.place) for item in found.quarantined] == [
        (Reason.INVALID, 1, "titel"),
        (Reason.WEAK_IDENTITY, 2, ""),
    ]


@pytest.mark.parametrize("body", [b"[1, null, []]", b'{"hello": "world"}', b'{"api": "x", "kind": 3}'])
def test_foreign_json_is_quarantined_never_a_crash(body: bytes) -> None:
    found = extract(body)
    assert found.findings == ()
    assert {item.reason for item in found.quarantined} == {Reason.UNKNOWN_FORMAT}


def test_a_finding_larger_than_allowed_is_quarantined() -> None:
    body = json.dumps({"schema": "finding/1", "title": "x", "description": "y" * 5000}).encode()
    found = extract(body, limits=Limits(finding=4096))
    assert [item.reason for item in found.quarantined] == [Reason.TOO_LARGE]


def test_fields_of_the_wrong_shape_become_warnings_not_losses() -> None:
    body = json.loads((SAMPLES / "wallarm_new_hits_2021_domain.json").read_text())
    hit = body[0]["details"]["hit"]
    hit |= {"method": {"x": 1}, "parameter": ["a"], "remote_addr4": 7, "request_time": {}, "path": 12}
    found = extract(json.dumps(body).encode())
    finding = only(found)
    assert finding.api.host == "www.example.com"
    assert finding.api.method == ""
    assert any("api.method" in text for text in found.warnings)


def mutations(value: Any, dice: random.Random) -> Any:
    """The same document with one value in ten replaced by something of another type."""
    if dice.random() < 0.1:
        return dice.choice([None, "", 0, -1, True, [], {}, "x" * 300, [1, "a", None], {"a": {"b": 1}}, 1e300])
    if isinstance(value, dict):
        return {name: mutations(item, dice) for name, item in value.items()}
    return [mutations(item, dice) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_damaged_reports_never_crash(path: Path) -> None:
    items = parse_documents(path.read_bytes())[:3]
    for seed in range(12):
        body = json.dumps(mutations(items, random.Random(seed))).encode()
        for finding in extract(body).findings:
            assert finding.identity


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


def test_a_vendor_is_added_by_one_file(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(ADAPTER)
    body = {"acme_version": "1", "alerts": [{"name": "Bulk Read", "score": 8.5, "url": "https://a.example.com/x/1"}]}
    finding = only(extract(json.dumps(body).encode(), library=load_library([tmp_path])))
    assert (finding.type, finding.severity_id, finding.api.path_template) == ("bulk_read", 5, "/x/{p}")


def test_a_file_in_the_policy_folder_replaces_a_shipped_adapter(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(ADAPTER.replace("id: acme", "id: upwind"))
    assert load_library([tmp_path]).adapters["upwind"].title == "Acme sensor"
    assert shipped().adapters["upwind"].title != "Acme sensor"


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("title: alert.name", "titel: alert.name", "S003", 10),
        ("title: alert.name", "title: alert.name ||", "S004", 10),
        ("title: alert.name", "title: alerts.name", "S005", 10),
        ("title: alert.name", "title: upper(alert.name)", "S005", 10),
        ("title: alert.name", 'title: "alert.a || alert.b | [0]"', "S006", 10),
        ("title: alert.name", 'title: "alert.*.r.ip"', "S006", 10),
        ("table('severity', alert.score)", "table('sever', alert.score)", "S005", 12),
        ("detect: acme_version", "detekt: acme_version", "S002", 4),
        ("  title: alert.name", "  api.criticality: alert.name", "S003", 10),
        ("id: acme", "id: own", "S001", 2),
        ("version: adapter/v1", "version: adapter/v2", "S001", 1),
    ],
)
def test_adapters_are_linted_when_loaded(tmp_path: Path, old: str, new: str, code: str, line: int) -> None:
    (tmp_path / "acme.yaml").write_text(ADAPTER.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_library([tmp_path])
    assert (code, line) in [(problem.code, problem.line) for problem in caught.value.problems]
    assert all(problem.file.endswith("acme.yaml") for problem in caught.value.problems)


def test_shipped_adapters_pass_their_own_lint() -> None:
    folder = Path(__file__).parents[2] / "stanch" / "sources"
    for path in folder.glob("[!_]*.yaml"):
        assert load_adapter(path).id == path.stem


@pytest.mark.parametrize(
    ("expression", "data", "value"),
    [
        ("url_part(doc, 'host')", "https://A.example.com/x", "a.example.com"),
        ("url_part(doc, 'host')", None, None),
        ("op_split(doc).path", "saw POST /get_user, twice", "/get_user"),
        ("op_split(doc).method", 7, None),
        (
            "json_pointer_op(doc, `0`)",
            ["/paths/~1a~1{id}/get/security"],
            {"path": "/a/{id}", "method": "get", "rest": "security"},
        ),
        ("json_pointer_op(doc, `5`)", ["/paths/~1a"], None),
        ("nullish(doc)", "null", None),
        ("nullish(doc)", -2147483648, None),
        ("nullish(doc)", "value", "value"),
        ("ip(doc)", "X.X.X.X", None),
        ("ip(doc)", "203.0.113.7", "203.0.113.7"),
        ("ratio(doc, `4`)", "3", 0.75),
        ("ratio(doc, `4`)", "nan", None),
        ("text(doc)", "<p>A &amp; B</p><script>x", "A & B\nx"),
        ("header(doc, 'host')", [{"name": "Host", "value": "a.example.com"}], "a.example.com"),
        ("first(doc)", [], None),
        ("environment(doc)", "Production", "prod"),
        ("environment(doc)", "tenant-7", None),
        ("ts(doc)", 1773835200, "2026-03-18T12:00:00+00:00"),
        ("parse_json(doc).a", '{"a": 1}', 1),
        ("parse_json(doc)", "{", None),
    ],
)
def test_helper_functions(expression: str, data: Any, value: Any) -> None:
    assert Engine().compile(expression)({"doc": data}) == value


def test_truth_is_jmespaths() -> None:
    assert [holds(value) for value in (0, "a", [0], {"a": 1}, None, False, "", [], {})] == [True] * 4 + [False] * 5


def test_everything_a_user_may_write_is_documented() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = "".join((docs / name).read_text(encoding="utf-8") for name in ("adapters.md", "sources.md"))
    own_functions = {name for name in AdapterFunctions.FUNCTION_TABLE if name not in Functions.FUNCTION_TABLE}
    words = {*shipped().adapters, *(reason.value for reason in Reason), *(scheme.value for scheme in Scheme)}
    words |= set(SourceConfig.model_fields) - {"auth", "title"}
    assert [word for word in sorted(words) if f"`{word}`" not in page and f"NAME.{word}`" not in page] == []
    assert [name for name in sorted(own_functions) if f"`{name}(" not in page] == []
    assert [name for name in sorted(AdapterFile.model_fields) if name not in page] == []


def all_expressions() -> set[str]:
    found = set()
    for path in (Path(__file__).parents[2] / "stanch" / "sources").glob("[!_]*.yaml"):
        made = AdapterFile.model_validate(load(path.read_text(encoding="utf-8")).data)
        found |= {made.detect, *(scope.in_ for scope in made.foreach), *made.map.values()}
        found |= {text for text in (made.when, made.is_test, made.stable_id, made.peel) if isinstance(text, str)}
    return found


def test_our_evaluation_agrees_with_the_jmespath_library() -> None:
    options = jmespath.Options(custom_functions=AdapterFunctions())
    one_of_each = dict(documents())  # the last document of each file: lines of one log are alike
    roots = list(one_of_each.values())
    roots += [{"doc": root, "it": root} for root in roots] + [mutations(root, random.Random(3)) for root in roots]
    for text in all_expressions():
        ours = Engine().compile(text)
        for root in roots:
            try:
                theirs = jmespath.search(text, root, options)
            except Exception:
                assert isinstance(ours(root), Failed), text
            else:
                assert ours(root) == theirs, text
