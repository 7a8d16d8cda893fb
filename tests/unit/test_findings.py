"""The canonical finding: normal forms, identities, status, view."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.errors import IntakeError
from stanch.findings import (
    ApiFacts,
    Finding,
    FindingStatus,
    Origin,
    case_id,
    parse_finding,
    parse_host,
    parse_path,
    parse_view,
    view_of,
)
from stanch.findings.identity import digest_of
from stanch.findings.times import parse_time
from stanch.findings.words import environment_of, owasp_category, rule_family
from stanch.views import FindingView

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)

BASE: dict[str, Any] = {
    "title": "Orders of other users can be read",
    "type": "bola",
    "severity": "high",
    "kind": "weakness",
    "category": "API1:2023",
    "api": {"host": "shop.example.com", "method": "GET", "path": "/v1/orders/4711"},
}


def made(**changes: Any) -> Finding:
    return parse_finding(BASE | changes)


def test_a_view_shaped_json_becomes_the_view_it_states() -> None:
    view = parse_view(
        BASE
        | {
            "id": "F-1",
            "source": "pentest",
            "confidence": 0.9,
            "labels": ["pilot"],
            "data_classification": ["PII"],
            "actor": {"ip": "203.0.113.7", "token_id": "jti-1"},
            "resource": {"uid": "arn:aws:lambda:x", "owner": "team-a"},
            "api": BASE["api"] | {"criticality": "high", "business_owner": "pm@example.com", "environment": "staging"},
        }
    )
    assert (view.id, view.source, view.severity, view.confidence) == ("F-1", "pentest", "high", 0.9)
    assert (view.api.subdomain, view.api.base_domain) == ("shop", "example.com")
    assert (view.api.path, view.api.path_template) == ("/v1/orders/4711", "/v1/orders/{p}")
    assert (view.api.criticality, view.api.environment) == ("high", "staging")
    assert view.data_classification == ("pii",)
    assert (view.actor.ip, view.actor.token_id, view.actor.user_id) == ("203.0.113.7", "jti-1", None)
    assert view.resource.owner == "team-a"


def test_every_word_of_the_view_is_accepted_in_a_report() -> None:
    words = FindingView().model_dump(mode="json", exclude_none=True)
    assert parse_view(words | {"type": "bola"}).type == "bola"


def test_a_sender_cannot_decide_how_critical_an_api_is() -> None:
    finding = made(api=BASE["api"] | {"criticality": "low", "business_owner": "x"})
    assert view_of(finding).api.criticality is None
    assert "criticality" not in finding.model_dump_json()


class Register:
    """An inventory of one API."""

    def facts(self, *, host: str, method: str, path: str, resource: str) -> ApiFacts | None:
        known = host == "shop.example.com" or resource == "arn:aws:lambda:x"
        return ApiFacts(host="shop.example.com", criticality="high", environment="prod") if known else None


def test_the_inventory_completes_the_view_and_overrules_the_senders_environment() -> None:
    stated = made(api=BASE["api"] | {"environment": "staging"})
    assert view_of(stated).api.environment == "staging"
    assert view_of(stated, Register()).api.environment == "prod"
    by_resource = view_of(made(api={}, resource={"uid": "arn:aws:lambda:x"}), Register())
    assert (by_resource.api.host, by_resource.api.subdomain, by_resource.api.criticality) == (
        "shop.example.com",
        "shop",
        "high",
    )


def test_no_environment_counts_as_prod() -> None:
    assert view_of(made()).api.environment == "prod"


def test_a_finding_survives_json_and_ignores_what_a_newer_version_adds() -> None:
    finding = made()
    again = finding.model_dump(mode="json") | {"added_later": 1}
    assert again["schema"] == "finding/1"
    assert Finding.model_validate(again) == finding


def test_unknown_words_and_wrong_values_are_named_with_their_place() -> None:
    with pytest.raises(IntakeError) as misspelt:
        made(titel="x")
    assert (misspelt.value.status, misspelt.value.place, misspelt.value.hint) == (422, "titel", "did you mean 'title'?")
    with pytest.raises(IntakeError) as nested:
        made(api={"host": "a.example.com", "hots": "b"})
    assert (nested.value.place, nested.value.hint) == ("api.hots", "did you mean 'host'?")
    with pytest.raises(IntakeError) as value:
        made(severity="urgent-SECRETVALUE")
    assert value.value.place == "severity"
    assert "SECRETVALUE" not in str(value.value)


@pytest.mark.parametrize(
    ("text", "name", "port", "subdomain", "base"),
    [
        ("Shop.Example.COM.", "shop.example.com", None, "shop", "example.com"),
        ("https://api.shop.example.co.uk:443/x", "api.shop.example.co.uk", None, "api.shop", "example.co.uk"),
        ("http://api.example.com:443", "api.example.com", 443, "api", "example.com"),
        ("api.example.com:8443", "api.example.com", 8443, "api", "example.com"),
        ("bücher.example", "xn--bcher-kva.example", None, "", "xn--bcher-kva.example"),
        ("[2001:DB8::1]:8443", "2001:db8::1", 8443, "", ""),
        ("10.0.0.1", "10.0.0.1", None, "", ""),
        ("localhost:9000", "localhost", 9000, "", "localhost"),
        ("user:pw@api.example.com", "api.example.com", None, "api", "example.com"),
        ("not a host", "", None, "", ""),
        ("a..b", "", None, "", ""),
        ("http://[::1", "", None, "", ""),
        ("x" * 300 + ".com", "", None, "", ""),
    ],
)
def test_hosts_have_one_form(text: str, name: str, port: int | None, subdomain: str, base: str) -> None:
    assert parse_host(text) == (name, port, subdomain, base)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("/v1/users/42/orders", "/v1/users/{p}/orders"),
        ("/v1/users/550e8400-e29b-41d4-a716-446655440000", "/v1/users/{p}"),
        ("/o/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/o/{p}"),
        ("/f/deadbeefdeadbeef", "/f/{p}"),
        ("/k/aZ3kd93kfLw02kfq", "/k/{p}"),
        ("/d/2026-03-18/report", "/d/{p}/report"),
        ("/u/joe@example.com", "/u/{p}"),
        ("/u/joe%40example.com", "/u/{p}"),
        ("/p/+491701234567", "/p/{p}"),
        ("/users/{userId}/x", "/users/{p}/x"),
        ("/users/:id", "/users/{p}"),
        ("/v2/de/oauth2-authorization", "/v2/de/oauth2-authorization"),
        ("/OAuth2CallbackHandler", "/OAuth2CallbackHandler"),
        ("//a///b/", "/a/b/"),
        ("/a;jsessionid=1/b?c=d#e", "/a/b"),
        ("https://h.example.com/x/9?y=1", "/x/{p}"),
        ("orders/9", "/orders/{p}"),
        ("", ""),
    ],
)
def test_paths_become_templates(text: str, template: str) -> None:
    assert parse_path(text).template == template


@pytest.mark.parametrize(
    "text", ["/static/..%2fadmin", "/a/../b", "/a/%2e%2e/b", "/a%00b", "/a/%252e/b", "/a\\b", "/a/./b"]
)
def test_a_hostile_path_stays_literal(text: str) -> None:
    found = parse_path(text)
    assert (found.template, found.basis) == (text, "none")


def test_a_declared_template_wins() -> None:
    finding = made(api=BASE["api"] | {"path_template": "/v1/orders/{orderId}"})
    assert (finding.api.path_template, finding.api.template_basis) == ("/v1/orders/{orderId}", "declared")


IRRELEVANT: list[dict[str, Any]] = [
    {"severity": "critical"},
    {"title": "Another title"},
    {"description": "More text"},
    {"confidence": 0.5},
    {"count": 9},
    {"first_seen": "2026-01-01T00:00:00Z", "last_seen": 1773825060},
    {"labels": ["x"]},
    {"status": "resolved"},
    {"api": BASE["api"] | {"path": "/v1/orders/9?expand=1"}},
    {"api": BASE["api"] | {"host": "SHOP.example.com.", "method": "get"}},
    {"actor": {"ip": "203.0.113.7"}},
    {"evidence": [{"excerpt": "GET /v1/orders/1"}]},
]
RELEVANT: list[dict[str, Any]] = [
    {"type": "bfla"},
    {"kind": "exposure"},
    {"api": BASE["api"] | {"host": "pay.example.com"}},
    {"api": BASE["api"] | {"method": "POST"}},
    {"api": BASE["api"] | {"path": "/v1/invoices/4711"}},
    {"api": BASE["api"] | {"parameter": "orderId"}},
    {"api": BASE["api"] | {"port": 8443}},
]


@pytest.mark.parametrize("change", IRRELEVANT)
def test_what_is_in_no_identity(change: dict[str, Any]) -> None:
    assert made(**change).identity == made().identity


@pytest.mark.parametrize("change", RELEVANT)
def test_what_makes_another_problem(change: dict[str, Any]) -> None:
    assert made(**change).identity != made().identity


def test_attacks_differ_by_actor_named_as_narrowly_as_known() -> None:
    def attack(**actor: str) -> str:
        return made(kind="attack", actor=actor).identity

    assert attack(ip="203.0.113.7") != attack(ip="203.0.113.8")
    assert attack(token_id="t1", ip="203.0.113.7") == attack(token_id="t1", ip="203.0.113.8")
    assert attack(user_id="u", session_id="s1") == attack(user_id="u", session_id="s2")
    assert attack(ip="2001:db8:0:1::5") == attack(ip="2001:db8:0:1::9")
    assert attack(ip="2001:db8:0:1::5") != attack(ip="2001:db8:0:2::5")


def test_a_stable_id_is_the_identity_within_its_source_only() -> None:
    def with_id(uid: str, source: str, **changes: Any) -> str:
        return parse_finding(BASE | {"uid": uid} | changes, Origin(source_id=source)).identity

    assert with_id("7", "a") == with_id("7", "a", api={"host": "moved.example.com"})
    assert with_id("7", "a") != with_id("8", "a")
    assert with_id("7", "a") != with_id("7", "b")


@pytest.mark.parametrize(
    "missing",
    [{"type": "", "category": ""}, {"api": {}}, {"api": {"path": "/x"}}],
    ids=["no rule", "no place", "a path without host"],
)
def test_too_little_to_recognise_gives_no_identity(missing: dict[str, Any]) -> None:
    assert made(**missing).identity == ""


@given(st.lists(st.text(max_size=8), max_size=5), st.lists(st.text(max_size=8), max_size=5))
def test_no_two_lists_of_parts_share_a_digest(one: list[str], other: list[str]) -> None:
    assert (digest_of("t", one) == digest_of("t", other)) == (one == other)


def test_case_ids_are_keyed_and_tell_nothing() -> None:
    identity = made().identity
    found = case_id(identity, b"key")
    assert re.fullmatch(r"case-[a-z2-7]{26}", found)
    assert found == case_id(identity, b"key")
    assert found != case_id(identity, b"another key")


def test_our_id_repeats_with_the_delivery_and_differs_between_deliveries() -> None:
    def uid(delivery: str, **changes: Any) -> str:
        return parse_finding(BASE | changes, Origin(source_id="a", delivery_id=delivery)).uid

    assert uid("d1") == uid("d1")
    assert len({uid("d1"), uid("d2"), uid("d1", severity="low")}) == 3


def test_content_changes_with_the_rating_but_not_with_counts_and_times() -> None:
    def content(**changes: Any) -> str:
        return made(**changes).fingerprints.content

    assert content(count=7, last_seen=1773825060) == content()
    assert content(severity="critical") != content()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({}, FindingStatus.OPEN),
        ({"status": "resolved"}, FindingStatus.RESOLVED),
        ({"status": "archived"}, FindingStatus.ARCHIVED),
        ({"status": "suppressed"}, FindingStatus.ARCHIVED),
        ({"is_test": True, "status": "resolved"}, FindingStatus.TEST),
    ],
)
def test_status(words: dict[str, Any], status: FindingStatus) -> None:
    assert made(**words).status is status


def test_an_unrated_finding_stays_unrated_and_is_worked_as_medium() -> None:
    finding = made(severity=None)
    assert (finding.severity_id, finding.severity_basis) == (0, "default")
    assert view_of(finding).severity == "medium"


def test_categories_come_from_the_tool_or_from_cwe() -> None:
    assert made(category="OWASP-API3").owasp_api == ("API3:2023",)
    derived = made(category="", cwe=["CWE-639", 285])
    assert (derived.owasp_api, derived.owasp_basis) == (("API1:2023", "API5:2023"), "cwe")
    with pytest.raises(IntakeError):
        made(category="A01:2021")


def test_an_unreadable_address_is_no_target() -> None:
    for text in ("X.X.X.X", "string", "999.1.1.1", "1.2.3.4/24"):
        assert made(actor={"ip": text}).actors == ()
    assert made(actor={"ip": "::ffff:203.0.113.7"}).actors[0].ip == "203.0.113.7"


def test_links_are_https_or_dropped() -> None:
    finding = made(src_url="javascript:alert(1)", references=["https://docs.example.com/x", "http://a.example.com"])
    assert finding.finding_info.src_url == ""
    assert finding.remediation.references == ("https://docs.example.com/x",)


def test_times_far_ahead_become_the_time_of_receipt_and_swapped_ones_are_put_right() -> None:
    ahead = parse_finding(BASE | {"last_seen": "2200-01-01T00:00:00Z"}, Origin(received=NOW))
    assert ahead.finding_info.last_seen_time == NOW
    info = made(first_seen="2026-03-18T12:00:00Z", last_seen="2026-03-18T11:00:00Z").finding_info
    assert info.first_seen_time is not None
    assert info.last_seen_time is not None
    assert info.last_seen_time - info.first_seen_time == timedelta(hours=1)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-18T12:00:00Z",
        "2026-03-18T13:00:00+01:00",
        "2026-03-18 12:00:00",
        "2026-03-18 14:00:00 +0200",
        "2026-03-18T12:00:00.000000000Z",
        1773835200,
        1773835200.0,
        "1773835200000",
        1773835200000000,
        1773835200000000000,
    ],
)
def test_times_in_every_spelling(value: Any) -> None:
    assert parse_time(value) == NOW


@pytest.mark.parametrize("value", [None, True, "", "yesterday", -1, 0, float("nan"), 10**40, "2026-13-40T00:00:00Z"])
def test_what_is_no_time(value: Any) -> None:
    assert parse_time(value) is None


@given(st.text(max_size=300))
def test_normal_forms_never_raise_and_are_stable(text: str) -> None:
    host, path = parse_host(text), parse_path(text)
    assert parse_host(host.name).name == host.name
    assert parse_path(path.path).path == path.path
    assert rule_family(rule_family(text)) == rule_family(text)
    owasp_category(text)
    parse_time(text)


def test_environments_have_one_word_each() -> None:
    assert [environment_of(word) for word in ("Production", "pre-production", "QA", "blue")] == [
        "prod",
        "staging",
        "test",
        "blue",
    ]
