"""The webhook templates in deploy/senders, filled in as the tools fill them, become findings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stanch.errors import IntakeError
from stanch.findings import Finding
from stanch.sources import extract

SENDERS = Path(__file__).parents[2] / "deploy" / "senders"
HOSTILE = 'a "quote" \\ back\nnew line</script>{{x}}${y}", "is_test": true, "kind": "weakness'


def template(name: str) -> str:
    return (SENDERS / name).read_text(encoding="utf-8")


def escaped(value: object) -> str:
    return json.dumps(str(value))[1:-1]


def looked_up(scope: dict[str, Any], name: str) -> Any:
    for part in name.split("."):
        scope = scope.get(part, {}) if isinstance(scope, dict) else {}
    return "" if scope == {} else scope


def mustache(text: str, context: dict[str, Any]) -> str:
    """Sections over lists, and variables escaped for JSON as Kibana's webhook connector does."""

    def section(found: re.Match[str]) -> str:
        return "".join(mustache(found[2], context | item) for item in looked_up(context, found[1]))

    text = re.sub(r"\{\{#([\w.]+)\}\}\n(.*?)\{\{/\1\}\}\n", section, text, flags=re.S)
    return re.sub(r"\{\{([\w.@]+)\}\}", lambda found: escaped(looked_up(context, found[1])), text)


def elastic_alert(**changed: Any) -> dict[str, Any]:
    alert = {
        "kibana": {
            "alert": {
                "uuid": "b6c1",
                "severity": "high",
                "reason": "event on api.example.com",
                "rule": {"name": "Sequential ids", "rule_id": "9c1e"},
            }
        },
        "url": {"domain": "api.example.com", "path": "/v1/accounts/4711"},
        "http": {"request": {"method": "GET"}},
        "source": {"ip": "203.0.113.45"},
        "user": {"id": "u-7"},
    }
    return alert | changed


def elastic(*alerts: dict[str, Any], date: str = "2026-03-18T12:00:00.000Z") -> bytes:
    context = {"alerts": list(alerts), "results_link": "https://kibana.example.com/app/security"}
    return mustache(template("elastic.mustache"), {"context": context, "date": date}).encode()


class LogicApp:
    """As much of the workflow expression language as the definition uses."""

    TOKEN = re.compile(r"\s*(\w+(?=\()|'(?:[^']|'')*'|\?\['\w[^']*'\]|\['\w[^']*'\]|[(),])")

    def __init__(self, trigger: Any) -> None:
        self.trigger, self.details = trigger, {}

    def value(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {name: self.value(item) for name, item in node.items()}
        if isinstance(node, str) and node.startswith("@"):
            self.tokens = self.TOKEN.findall(node[1:])
            assert "".join(self.tokens) == re.sub(r"(?<=,)\s", "", node[1:]), "the test does not know this expression"
            return self.expression()
        return node

    def expression(self) -> Any:
        token = self.tokens.pop(0)
        if token.startswith("'"):
            found: Any = token[1:-1]
        else:
            self.tokens.pop(0)
            arguments = []
            while self.tokens[0] != ")":
                if self.tokens[0] == ",":
                    self.tokens.pop(0)
                arguments.append(self.expression())
            self.tokens.pop(0)
            found = getattr(self, f"do_{token}")(*arguments)
        while self.tokens and self.tokens[0].endswith("']"):
            name = self.tokens.pop(0).lstrip("?")[2:-2]
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def do_triggerBody(self) -> Any:
        return self.trigger

    def do_outputs(self, _: str) -> Any:
        return self.details

    def do_json(self, text: str) -> Any:
        return json.loads(text)

    def do_coalesce(self, *values: Any) -> Any:
        return next((value for value in values if value is not None), None)

    def do_createArray(self, *values: Any) -> list[Any]:
        return list(values)

    def do_first(self, values: list[Any]) -> Any:
        return values[0] if values else None

    def do_last(self, values: list[Any]) -> Any:
        return values[-1]

    def do_split(self, text: str, mark: str) -> list[str]:
        return text.split(mark)

    def do_equals(self, left: Any, right: Any) -> bool:
        return left == right

    def do_toLower(self, text: str) -> str:
        return text.lower()

    def do_if(self, condition: bool, yes: Any, no: Any) -> Any:
        return yes if condition else no


DETAILS = {"Host": ["api.example.com"], "Method": ["GET"], "Path": ["/v1/accounts/4711"], "ClientIp": ["203.0.113.45"]}


def sentinel(details: dict[str, Any] | None = None, **changed: Any) -> bytes:
    alert = {"properties": {"additionalData": {"Custom Details": json.dumps(DETAILS | (details or {}))}}}
    incident = {
        "title": "Sequential ids",
        "severity": "High",
        "status": "New",
        "createdTimeUtc": "2026-03-18T12:00:00Z",
        "lastModifiedTimeUtc": "2026-03-18T12:01:00Z",
        "relatedAnalyticRuleIds": ["/subscriptions/1/providers/Microsoft.SecurityInsights/alertRules/5f1e"],
        "incidentUrl": "https://portal.azure.com/x",
        "Alerts": [alert],
    }
    actions = json.loads(template("sentinel.json"))["actions"]
    app = LogicApp({"object": {"properties": incident | changed}})
    app.details = app.value(actions["Details"]["inputs"])
    return json.dumps(app.value(actions["Send_to_Stanch"]["inputs"]["body"])).encode()


DATADOG = {
    "SECURITY_SIGNAL_TITLE": "Sequential ids",
    "SECURITY_SIGNAL_MSG": "many requests",
    "SECURITY_SIGNAL_SEVERITY": "high",
    "SECURITY_RULE_ID": "aaa-aaa-aaa",
    "SECURITY_RULE_NAME": "Sequential ids",
    "AGGREG_KEY": "9bd4ac313a4d1e8fae2482df7b77628",
    "EVENT_TITLE": "[Triggered] Sequential ids",
    "TEXT_ONLY_MSG": "many requests",
    "ALERT_ID": "1234",
    "LINK": "https://app.datadoghq.com/event/event?id=1",
    "TAGS[api_host]": "api.example.com",
    "TAGS[http_method]": "GET",
    "TAGS[api_path]": "/v1/accounts/4711",
    "TAGS[client_ip]": "203.0.113.45",
    "TAGS[env]": "prod",
}


def datadog(name: str, *, raw: bool = False, **changed: str) -> bytes:
    values = DATADOG | changed
    write = str if raw else escaped
    return re.sub(
        r"\$([A-Z_]+(?:\[\w+\])?)", lambda found: write(values.get(found[1], "")), template(f"{name}.json")
    ).encode()


def akto(**changed: Any) -> bytes:
    threat = {
        "filterId": "BolaSequentialIds",
        "actor": "203.0.113.45",
        "latestApiEndpoint": "/v1/accounts/4711",
        "latestApiMethod": "GET",
        "detectedAt": 1773835200,
        "subCategory": "BOLA",
        "severity": "HIGH",
        "host": "api.example.com",
        "refId": "6f1f",
        "status": "ACTIVE",
    }
    threats = json.dumps([threat | changed])
    return template("akto.json").replace("${AKTO.changes_info.apiThreatPayloads}", threats).encode()


def only(body: bytes, adapter: str = "own") -> Finding:
    found = extract(body, "application/json", adapter=adapter)
    assert (found.quarantined, len(found.findings)) == ((), 1)
    return found.findings[0]


@pytest.mark.parametrize(
    ("body", "adapter", "rule"),
    [
        (elastic(elastic_alert()), "own", "9c1e"),
        (sentinel(), "own", "5f1e"),
        (datadog("datadog_signal"), "own", "aaa-aaa-aaa"),
        (datadog("datadog_monitor"), "own", "monitor-1234"),
        (akto(), "akto", "BolaSequentialIds"),
    ],
    ids=["elastic", "sentinel", "datadog signal", "datadog monitor", "akto"],
)
def test_a_filled_template_is_one_whole_finding(body: bytes, adapter: str, rule: str) -> None:
    finding = only(body, adapter)
    api = finding.api
    assert (api.host, api.method, api.path, api.path_template) == (
        "api.example.com",
        "GET",
        "/v1/accounts/4711",
        "/v1/accounts/{p}",
    )
    assert (finding.kind, finding.severity_id, finding.status) == ("attack", 4, "open")
    assert finding.finding_info.analytic.uid == rule
    assert finding.actors[0].ip == "203.0.113.45"
    assert finding.identity


@pytest.mark.parametrize(
    ("first", "again", "other"),
    [
        (
            elastic(elastic_alert()),
            elastic(
                elastic_alert(kibana={"alert": {"uuid": "x", "severity": "low", "rule": {"rule_id": "9c1e"}}}),
                date="2026-03-19T00:00:00Z",
            ),
            elastic(elastic_alert(url={"domain": "api.example.com", "path": "/v1/users"})),
        ),
        (
            sentinel(),
            sentinel(title="Renamed", severity="Low", lastModifiedTimeUtc="2026-03-19T12:00:00Z"),
            sentinel({"Host": ["other.example.com"]}),
        ),
        (
            datadog("datadog_signal"),
            datadog("datadog_signal", SECURITY_SIGNAL_TITLE="Renamed", SECURITY_SIGNAL_SEVERITY="low"),
            datadog("datadog_signal", **{"TAGS[client_ip]": "203.0.113.46"}),
        ),
        (
            datadog("datadog_monitor"),
            datadog("datadog_monitor_recovered", EVENT_TITLE="[Recovered] Sequential ids"),
            datadog("datadog_monitor", AGGREG_KEY="another"),
        ),
    ],
    ids=["elastic", "sentinel", "datadog signal", "datadog monitor"],
)
def test_the_same_problem_again_is_the_same_case(first: bytes, again: bytes, other: bytes) -> None:
    assert only(first).identity == only(again).identity != only(other).identity


def test_ends_are_told() -> None:
    assert only(datadog("datadog_monitor_recovered")).status == "resolved"
    assert only(sentinel(status="Closed", classification="TruePositive")).status == "resolved"
    assert only(sentinel(status="Closed", classification="BenignPositive")).status == "archived"
    assert only(sentinel(severity="Informational")).severity_id == 1


def test_missing_details_do_not_break_a_body() -> None:
    body = sentinel(Alerts=[], relatedAnalyticRuleIds=None)
    assert [item.reason for item in extract(body, adapter="own").quarantined] == ["weak_identity"]
    assert only(elastic(elastic_alert(user={}, source={}))).actors == ()


def test_several_alerts_are_several_findings() -> None:
    other = elastic_alert(url={"domain": "api.example.com", "path": "/v1/users"})
    assert len(extract(elastic(elastic_alert(), other), adapter="own").findings) == 2


@pytest.mark.parametrize(
    "body",
    [
        elastic(elastic_alert(kibana={"alert": {"severity": "high", "rule": {"name": HOSTILE, "rule_id": "9c1e"}}})),
        sentinel(title=HOSTILE, description=HOSTILE),
        datadog("datadog_signal", SECURITY_SIGNAL_TITLE=HOSTILE, SECURITY_SIGNAL_MSG=HOSTILE),
    ],
    ids=["elastic", "sentinel", "datadog"],
)
def test_hostile_text_stays_text(body: bytes) -> None:
    finding = only(body)
    assert finding.finding_info.title.startswith('a "quote" \\ back')
    assert (finding.kind, finding.is_test, finding.api.host) == ("attack", False, "api.example.com")


@pytest.mark.parametrize("name", ["datadog_signal", "datadog_monitor"])
@pytest.mark.parametrize("value", [HOSTILE, 'x", "status": "resolved', 'x", "is_test": true, "labels": ["', 'x"'])
def test_text_that_a_tool_did_not_escape_is_refused(name: str, value: str) -> None:
    changed = {"SECURITY_SIGNAL_TITLE": value, "EVENT_TITLE": value}
    with pytest.raises(IntakeError) as caught:
        extract(datadog(name, raw=True, **changed), adapter="own")
    assert caught.value.status == 400


def test_every_template_is_described() -> None:
    page = (SENDERS.parents[1] / "docs" / "senders.md").read_text(encoding="utf-8")
    assert [path.name for path in SENDERS.iterdir() if f"`{path.name}`" not in page] == []
