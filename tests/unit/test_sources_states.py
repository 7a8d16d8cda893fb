"""What tools say about the life of a problem and its actors, and what is no finding at all."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_support import SAMPLES, changed, findings, items, read

from stanch.sources import Reason, shipped
from stanch.sources.expressions import Engine

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("github_code_scanning_alert_created.json", ["open"]),
        ("github_code_scanning_alert_fixed.json", ["resolved"]),
        ("github_code_scanning_life_constructed.json", ["archived", "open", "open"]),
        ("github_dependabot_alert_fixed.json", ["resolved"]),
        ("github_repository_vulnerability_alert_dismiss.json", ["archived"]),
        ("github_secret_scanning_alert_reopened.json", ["open"]),
        ("github_secret_resolved_constructed.json", ["resolved", "archived"]),
        ("gitlab_vulnerability_event_constructed.json", ["archived"]),
        ("alertmanager_all_ok_multiple.json", ["resolved", "resolved"]),
        ("alertmanager_api_labels_constructed.json", ["open", "test", "resolved"]),
        ("cloudflare_notification_start_end_constructed.json", ["open", "resolved"]),
        ("crowdsec_simulated_constructed.json", ["test", "open"]),
        ("falco_sidekick_test_input.json", ["test"]),
        ("idp_okta_event_hook_constructed.json", ["open", "open", "resolved"]),
        ("microsoft_graph_alert_list_constructed.json", ["resolved", "archived", "test"]),
        ("snyk_webhook_constructed.json", ["open", "resolved"]),
        ("stackhawk_different_status.json", ["open", "archived", "archived"]),
        ("snyk_issue_api_sca_ignored.json", ["archived"]),
        ("wiz_api_issues_constructed.json", ["open", "archived"]),
    ],
)
def test_ends_put_away_and_tests_are_told_apart(name: str, statuses: list[str]) -> None:
    assert [finding.status for finding in findings(name)] == statuses


def github(action: str, **alert: Any) -> str:
    (payload,) = items("github_code_scanning_alert_created.json")
    return read(payload | {"action": action, "alert": payload["alert"] | alert}).findings[0].status


def test_what_a_person_reopens_is_open_whatever_the_alert_still_says() -> None:
    assert github("reopened_by_user", state="dismissed") == "open"
    assert github("updated_assignment", state="dismissed") == "archived"
    assert github("fixed", state="fixed") == "resolved"


@pytest.mark.parametrize(
    ("name", "change", "status"),
    [
        ("wiz_issue_alert.json", lambda body: changed(body, "issue/status", "RESOLVED"), "resolved"),
        ("wiz_issue_alert.json", lambda body: changed(body, "issue/status", "REJECTED"), "archived"),
        ("upwind_api_threat_bola.json", lambda body: changed(body, "status", "archived"), "archived"),
        ("gcp_scc_public_bucket_acl.json", lambda body: changed(body, "finding/state", "INACTIVE"), "resolved"),
        ("gcp_scc_public_bucket_acl.json", lambda body: changed(body, "finding/mute", "MUTED"), "archived"),
        (
            "snyk_issue_api_code_many.json",
            lambda body: changed(body, "data/0/attributes/status", "resolved"),
            "resolved",
        ),
    ],
)
def test_an_end_meets_its_beginning(name: str, change: Callable[[Any], Any], status: str) -> None:
    (document,) = items(name)
    before, after = (read(body).findings[0] for body in (document, change(document)))
    assert (before.identity, after.status) == (after.identity, status)


def test_start_and_end_of_an_attack_are_one() -> None:
    start, end = findings("cloudflare_notification_start_end_constructed.json")
    assert start.identity == end.identity
    _, begun, ended = findings("idp_okta_event_hook_constructed.json")
    assert begun.identity == ended.identity


def test_a_github_alert_is_the_same_from_the_webhook_and_the_rest_api() -> None:
    (payload,) = items("github_dependabot_alert_created.json")
    assert read(payload).findings[0].identity == read(payload["alert"]).findings[0].identity


def test_allowed_requests_are_no_findings() -> None:
    found = read(*items("aws_waf_stream_first100.jsonl"))
    assert (found.findings, found.quarantined, sum(found.ignored.values())) == ((), (), 100)


@pytest.mark.parametrize("name", ["aws_waf_cloudwatch_constructed.json", "aws_waf_firehose_constructed.json"])
def test_waf_lines_are_the_same_in_every_form(name: str) -> None:
    assert findings("aws_waf_docs_sqli_terminating.json")[0].identity in {item.identity for item in findings(name)}


def test_log_events_that_hold_no_json_are_kept_in_quarantine() -> None:
    body = {"logGroup": "g", "logStream": "s", "logEvents": [{"id": "1", "message": "REJECT 22"}]}
    assert [item.reason for item in read(body).quarantined] == [Reason.UNKNOWN_FORMAT]
    body = {"requestId": "1", "records": [{"data": "bm8ganNvbg=="}, {"data": "&"}]}
    assert [item.reason for item in read(body).quarantined] == [Reason.UNKNOWN_FORMAT] * 2
    body = {"subscription": "s", "message": {"data": "bm8ganNvbg=="}}
    assert [item.reason for item in read(body).quarantined] == [Reason.UNKNOWN_FORMAT]


def test_compressed_bodies_inside_envelopes_are_bounded() -> None:
    bomb = base64.b64encode(gzip.compress(b"[" + b" " * 5_000_000 + b"]")).decode()
    assert [item.reason for item in read({"awslogs": {"data": bomb}}).quarantined] == [Reason.UNKNOWN_FORMAT]


def test_placeholders_are_no_targets() -> None:
    body = json.loads((SAMPLES / "cloudflare_firewall_block_constructed.ndjson").read_text().splitlines()[0])
    assert [item.reason for item in read(body).quarantined] == [Reason.WEAK_IDENTITY]
    (waf,) = items("aws_waf_docs_sqli_terminating.json")
    assert read(changed(waf, "httpRequest/clientIp", "X.X.X.X")).findings[0].actors[0].ip is None
    (traceable,) = items("traceable_domain_event_graphql.json")
    masked = changed(traceable, "data/explore/results/0/actorId/value", "null")
    assert read(masked).findings[0].actors[0].user_id is None


def test_the_attacked_address_is_not_the_attacker() -> None:
    (finding,) = findings("cloudflare_notification_l4_constructed.json")
    assert (finding.actors, finding.resources[0].uid) == ((), "203.0.113.53")


@pytest.mark.parametrize(
    ("labels", "host", "resource"),
    [
        ({"host": "db-1"}, "", "db-1"),
        ({"host": "api.example.com", "path": "/v1"}, "api.example.com", "api.example.com"),
        ({"api_host": "api.example.com", "service": "pay"}, "api.example.com", "pay"),
        ({"instance": "10.0.0.7:9100", "job": "node"}, "", "10.0.0.7:9100"),
    ],
)
def test_a_machine_is_not_an_api(labels: dict[str, str], host: str, resource: str) -> None:
    alert = {"status": "firing", "labels": {"alertname": "A", **labels}, "annotations": {}, "fingerprint": "f"}
    (finding,) = read({"receiver": "r", "version": "4", "groupKey": "k", "alerts": [alert]}).findings
    assert (finding.api.host, finding.resources[0].uid) == (host, resource)


def test_weaknesses_and_posture_are_no_attacks() -> None:
    assert [finding.kind for finding in findings("upwind_vulnerability_and_bare.json")] == ["weakness", "attack"]
    assert [finding.kind for finding in findings("wiz_api_issues_constructed.json")] == ["attack", "policy_gap"]
    assert findings("gcp_scc_bad_ip.json")[0].kind == "attack"


def test_users_of_an_operating_system_are_no_users_of_an_api() -> None:
    assert findings("upwind_runtime.json")[0].actors == ()
    (falco,) = items("falco_sidekick_test_input.json")
    assert read(changed(falco, "output_fields/user.name", "root")).findings[0].actors == ()
    (graph,) = items("microsoft_graph_alert_v2_defender.json")
    system = {"userAccount": {"accountName": "SYSTEM", "azureAdUserId": None, "userPrincipalName": None}}
    assert read(changed(graph, "evidence", [system])).findings[0].actors == ()


def test_the_victim_of_a_blocked_address_is_not_its_actor() -> None:
    (actor,) = findings("idp_auth0_blocked_ip_constructed.json")[0].actors
    assert (actor.ip, actor.user_id) == ("203.0.113.9", None)


def test_actors_that_containment_needs_are_taken() -> None:
    (actor,) = findings("idp_okta_event_hook_constructed.json")[0].actors
    assert (actor.user_id, actor.client_id, actor.session_id, actor.token_id) == (
        "00u1ab2cd3",
        "0oa1mobile",
        "trs8Zx1Kw",
        "rt.9f8e7d6c",
    )
    assert actor.ip_is_shared


def test_a_saved_search_without_a_name_is_recognised_by_its_id() -> None:
    (document,) = items("splunk_alert_null_name_constructed.json")
    again = changed(document, "sid", "scheduler_admin_search_W2_at_14239999_7")
    other = changed(document, "sid", "scheduler_admin_search_W3_at_14232356_132")
    first, second, third = (read(body).findings[0].identity for body in (document, again, other))
    assert first == second != third
    assert [item.reason for item in read(changed(document, "sid", "1423235.9")).quarantined] == [Reason.WEAK_IDENTITY]


@pytest.mark.parametrize(
    "document",
    [
        {"type": "bundle", "id": "bundle--1", "objects": []},
        {"objects": [{"spec_version": "2.1", "id": "indicator--1"}]},
        {"type": "playbook", "spec_version": "cacao-2.0", "workflow": {}},
        {"class_uid": 6003, "metadata": {"version": "1.4.0"}},
    ],
)
def test_what_is_no_finding_says_why(document: dict[str, Any]) -> None:
    found = read(document)
    assert [item.reason for item in found.quarantined] == [Reason.NOT_A_FINDING]
    assert len(found.quarantined[0].message) > 20


@pytest.mark.parametrize(
    "document",
    [
        {"vulnerabilities": []},
        {"service": "Not StackHawk", "scanCompleted": {}},
        {"eventVersion": "1.08", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "userIdentity": {}},
        {"data": {"events": "none"}, "eventType": "x"},
        {"alerts": []},
        {"results": []},
        {"value": [{"id": 1}]},
    ],
)
def test_look_alikes_are_unknown(document: dict[str, Any]) -> None:
    assert [item.reason for item in read(document).quarantined] == [Reason.UNKNOWN_FORMAT]


@pytest.mark.parametrize(
    "document",
    [
        {"Issues": []},
        {"issue_events": [], "task_id": "1", "scan_status": "succeeded"},
        {"results": [], "errors": [], "paths": {"scanned": ["a"]}, "version": "1.9"},
        {"@odata.context": "https://api.securitycenter.microsoft.com/api", "value": []},
        {"listFindingsResults": [], "readTime": "2026-01-01T00:00:00Z", "totalSize": 0},
        {"vulnerabilities": [], "ok": True, "packageManager": "npm", "projectName": "x"},
        {"version": "15", "vulnerabilities": [], "scan": {"type": "dast", "scanner": {"id": "x"}}},
        {"project": {"id": "1"}, "newIssues": [], "removedIssues": []},
    ],
)
def test_a_report_of_nothing_is_understood(document: dict[str, Any]) -> None:
    found = read(document)
    assert (found.findings, found.quarantined) == ((), ())
    assert any("reports nothing" in word for word in found.ignored)


@pytest.mark.parametrize(
    ("expression", "value", "given"),
    [
        ("decoded(doc)", base64.b64encode(b"GET /a HTTP/1.1").decode(), "GET /a HTTP/1.1"),
        ("decoded(doc)", base64.b64encode(gzip.compress(b"a", mtime=0)).decode(), "a"),
        ("decoded(doc)", base64.b64encode(b"GET /\xff").decode(), "GET /\ufffd"),
        ("decoded(doc)", "no base64!", None),
        ("decoded(doc)", None, None),
        ("json_lines(doc)", '{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ("json_lines(doc)", '[{"a": 1}]', [{"a": 1}]),
        ("json_lines(doc)", "{", ["{"]),
        ("json_lines(doc)", 7, None),
        ("between(doc, '[', ']')", "/cart [quantity parameter]", "quantity parameter"),
        ("between(doc, '', '_at_')", "scheduler_x_at_1", "scheduler_x"),
        ("between(doc, '[', ']')", "/cart [quantity", None),
        ("between(doc, '[', ']')", None, None),
    ],
)
def test_helper_functions(expression: str, value: Any, given: Any) -> None:
    assert Engine().compile(expression)({"doc": value}) == given


def test_the_number_of_formats_is_true() -> None:
    said = re.search(r"more than (\d+) report formats", (ROOT / "README.md").read_text(encoding="utf-8"))
    formats = [item for item in shipped().adapters.values() if not (item.ignore or item.quarantine)]
    assert said is not None
    assert int(said[1]) < len(formats)
