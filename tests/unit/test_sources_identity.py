"""What must never decide which problem a report speaks of, and what must."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from sample_support import SAMPLES, Place, changed, items, read

_WORDS = """
    title summary description text message displayMessage displaymessage severity security_severity_level urgency
    count events_count occurrence_count created_at updated_at createdAt updatedAt start_at stop_at startsAt endsAt
    timestamp Datetime EdgeStartTimestamp published time eventTime createTime date discovered_at lastUpdateDateTime
    first_seen_time last_seen_time startedTimestamp started_at created detectedAt start_date ts _time
"""
VOLATILE = frozenset(_WORDS.split())
NOT_P1 = ("asff", "cacao", "cloudevents", "crunch42", "guardduty", "noname", "nuclei", "ocsf", "own", "sarif", "sns")
NOT_PLAIN = (
    "stix",
    "unknown",
    "wallarm",
    "zap",
    "webhook_ping",
    "aws_waf_cloudwatch",
    "aws_waf_firehose",
    "gcp_scc_pub",
)
P1 = sorted(
    path
    for path in SAMPLES.iterdir()
    if path.suffix in (".json", ".ndjson") and not path.name.startswith(NOT_P1 + NOT_PLAIN)
)


def retold(value: Any, name: str = "") -> Any:
    """The same report, told later, in other words and with another rating."""
    if isinstance(value, dict):
        return {key: retold(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [retold(item, name) for item in value]
    if name not in VOLATILE or value is None:
        return value
    if "everity" in name or name in ("urgency", "security_severity_level"):
        return {"low": "high", "high": "low"}.get(str(value).lower(), "low") if isinstance(value, str) else value
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        return value.replace(value[:4], "2031", 1)
    return value if isinstance(value, int | float) or value.isdigit() else f"{value}, told again"


@pytest.mark.parametrize("path", P1, ids=lambda path: path.name)
def test_a_problem_told_again_is_the_same(path: Path) -> None:
    documents = items(path.name)
    before = sorted(finding.identity for finding in read(*documents).findings)
    assert sorted(finding.identity for finding in read(*retold(documents)).findings) == before


@pytest.mark.parametrize(
    ("name", "where", "to"),
    [
        ("aws_waf_docs_sqli_terminating.json", "httpRequest/uri", "/other"),
        ("aws_waf_docs_sqli_terminating.json", "httpRequest/clientIp", "198.51.100.1"),
        ("aws_waf_docs_rulegroup_multi.json", "ruleGroupList/0/terminatingRule/ruleId", "RuleB-SQLi"),
        ("burp_graphql_two_findings.json", "Issues/0/path", "/elsewhere"),
        ("cloudflare_firewall_l7ddos.json", "RuleID", "another"),
        ("crowdsec_alert_sample.json", "source/ip", "198.51.100.1"),
        ("falco_sidekick_test_input.json", "rule", "Another rule"),
        ("github_dependabot_alert_created.json", "alert/html_url", "https://github.com/a/b/security/dependabot/21"),
        ("gitlab_dast_one_vul_v15.json", "vulnerabilities/0/location/method", "POST"),
        ("gitlab_api_fuzzing_1_vuln_v15.json", "vulnerabilities/0/id", "another"),
        ("idp_auth0_refresh_token_reuse.json", "data/details/request/auth/credentials/jti", "another"),
        ("microsoft_graph_alert_v2_defender.json", "id", "another"),
        ("microsoft_defender_vulns.json", "value/0/machineId", "another"),
        ("schemathesis_vampi_seed7.json", "failures/0/operations/0", "GET /books/v1"),
        ("semgrep_cli_one_finding.json", "results/0/path", "src/other.java"),
        ("snyk_cli_single_project_one_vuln.json", "vulnerabilities/0/id", "SNYK-JAVA-X-2"),
        ("snyk_issue_api_code_many.json", "data/0/id", "another"),
        ("splunk_alert_api_columns_constructed.json", "result/uri_path", "/v1/users"),
        ("stackhawk_one_vul.json", "scanCompleted/findings/0/paths/0/path", "/elsewhere"),
        ("traceable_domain_event_graphql.json", "data/explore/results/0/apiName/value", "GET /get_user"),
        ("upwind_api_threat_bola.json", "id", "another"),
        ("wiz_issue_alert.json", "issue/id", "another"),
    ],
)
def test_another_problem_is_another(name: str, where: str, to: Any) -> None:
    (document,) = items(name)
    before = {finding.identity for finding in read(document).findings}
    assert {finding.identity for finding in read(changed(document, where, to)).findings} - before


def leaves(value: Any, where: Place = ()) -> list[Place]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [leaf for key, item in pairs for leaf in leaves(item, (*where, key))] or [where]


@pytest.mark.parametrize("path", P1, ids=lambda path: path.name)
def test_a_value_of_another_shape_loses_no_report(path: Path) -> None:
    """It may cost a field, or lead to quarantine, but never ends in nothing."""
    document = items(path.name)[0]
    if not read(document).findings:
        return
    dice, places = random.Random(path.name), leaves(document)
    for place in dice.sample(places, min(8, len(places))):
        found = read(changed(document, place, dice.choice([7, {"x": 1}, [1], True])))
        assert found.findings or found.quarantined or any("when" in word for word in found.ignored), place


def test_a_graphql_operation_is_told_apart() -> None:
    (document,) = items("schemathesis_vampi_seed7.json")
    failure = document["failures"][0] | {"operations": ["Query.user", "Query.books"]}
    found = read(document | {"failures": [failure]}).findings
    assert [finding.api.parameter for finding in found] == ["Query.user", "Query.books"]
    assert len({finding.identity for finding in found}) == 2
