"""What is known of our APIs: which one a place or a resource is, by which template, and what a file may not say."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.errors import ConfigError
from stanch.findings import parse_finding, view_of
from stanch.findings.view import ApiFacts
from stanch.inventory import ApiInventory, load_inventory, parse_inventory
from stanch.routing import load_routes
from stanch.settings_sections import Inventory as Section

ROUTES = load_routes(
    """
version: routing/v1
directory:
  users: {"user:ana": {name: Ana}}
  teams: {"team:pay": {lead: user:ana, catalog: group:default/payments}, "team:ops": {lead: user:ana}}
default: {id: fallback, owner: team:ops}
rules:
  - {id: carts, match: {host: "*.example.com", path: "/carts/{cart}/lines/{line}"}, owner: team:ops}
  - {id: all-of-it, match: {host: "*.example.com", path: "/reports/{x}/**"}, owner: team:ops}
"""
)
TEXT = """
version: inventory/v1
apis:
  shop:
    host: shop.example.com
    criticality: high
    business_owner: Maria
    owner: team:pay
    environment: prod
    gateway: {provider: aws, api_id: abc}
    health_path: /alive
    paths: ["/users/{id}", /users/me, "/files/{name}.json", "/files/{name}", "/a/{x}/c", "/a/b/{y}", "/{any}/deep/"]
  pay:
    host: [shop.example.com, pay.example.com]
    base_path: /pay
    criticality: critical
    paths: ["/orders/{id}", "/pay/refunds/{id}"]
  rest: {host: "*.example.com", owner: team:ops}
  jobs: {criticality: low, owner: team:ops}
  edge: {criticality: low}
resources:
  - {match: ["arn:aws:lambda:*:function:pay-*", acme/pay, "registry.example.net/pay/api"], api: pay}
  - {match: nginx, api: edge}
  - {match: "arn:aws:lambda:*:function:pay-jobs-*", api: jobs, owner: team:pay}
"""


def inventory(text: str = TEXT, folder: Path = Path(), **more: Any) -> ApiInventory:
    return parse_inventory(text, folder=folder, **{"routes": ROUTES, **more})


LOADED = inventory()


def facts(path: str = "", host: str = "shop.example.com", resource: str = "") -> ApiFacts:
    return LOADED.facts(host=host, path=path, resource=resource) or ApiFacts()


def problems(text: str, folder: Path = Path()) -> list[tuple[str, int]]:
    with pytest.raises(ConfigError) as caught:
        inventory(text, folder)
    return [(problem.code, problem.line) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("host", "path", "api"),
    [
        ("shop.example.com", "/users/7", "shop"),
        ("shop.example.com", "", "shop"),
        ("shop.example.com", "/pay", "pay"),
        ("shop.example.com", "/pay/orders/1", "pay"),
        ("shop.example.com", "/payment", "shop"),
        ("pay.example.com", "/pay/x", "pay"),
        ("pay.example.com", "/other", "rest"),
        ("a.b.example.com", "/x", "rest"),
        ("example.com", "/x", ""),
        ("shop.example.com.evil.example", "/x", ""),
        ("", "/x", ""),
        ("shop.example.com", "/x/..%2fpay/orders/1", "shop"),
        ("shop.example.com", "/pay/../users/7", "shop"),
    ],
)
def test_the_most_specific_entry_speaks(host: str, path: str, api: str) -> None:
    assert facts(path, host).api_id == api


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/users/7", "/users/{id}"),
        ("/users/me", "/users/me"),
        ("/users/%6de", "/users/me"),
        ("/users/7/", "/users/{id}"),
        ("/users", ""),
        ("/users/", ""),
        ("/users/7/more", ""),
        ("/usersx/7", ""),
        ("/users/{userId}", "/users/{id}"),
        ("/users/:id", "/users/{id}"),
        ("/users/7;v=1", "/users/{id}"),
        ("/files/a.json", "/files/{name}.json"),
        ("/files/.json", "/files/{name}"),
        ("/files/a.xml", "/files/{name}"),
        ("/a/b/c", "/a/b/{y}"),
        ("/a/z/c", "/a/{x}/c"),
        ("/x/deep", "/{any}/deep/"),
        ("/pay/orders/1", "/pay/orders/{id}"),
        ("/pay/refunds/1", "/pay/refunds/{id}"),
        ("/carts/1/lines/2", "/carts/{cart}/lines/{line}"),
        ("/reports/1/x", ""),
        ("/users/..", ""),
        ("/users/%2e%2e", ""),
        ("/users/..;/me", ""),
        ("/x/..%3bv/deep", ""),
        ("/users/a%2fb", ""),
        ("/users/a%252fb", ""),
        ("/users/a\x00", ""),
        ("/users/a\\b", ""),
        ("users/7", ""),
        ("/" + "a/" * 40, ""),
        ("/users/" + "a" * 3000, ""),
    ],
)
def test_a_path_meets_the_most_specific_template_and_an_attack_meets_none(path: str, template: str) -> None:
    found = facts(path)
    assert found.path_template == template
    assert found.template_basis == ("" if not template else "route_rule" if "cart" in template else "spec")


@pytest.mark.parametrize(
    ("resource", "api", "owner"),
    [
        ("arn:aws:lambda:eu-west-1:1:function:pay-x", "pay", ""),
        ("arn:aws:lambda:eu-west-1:1:function:pay-jobs-x", "jobs", "team:pay"),
        ("arn:aws:lambda:eu-west-1:1:function:Pay-x", "", ""),
        ("https://github.com/Acme/Pay.git", "pay", ""),
        ("git@github.com:acme/pay.git", "pay", ""),
        ("acme/pay", "pay", ""),
        ("github.com/acme/payments", "", ""),
        ("evil.example/x/acme/pay", "", ""),
        ("registry.example.net/pay/api:1.2@sha256:" + "a" * 64, "pay", ""),
        ("registry.example.net/pay/api-admin:1", "", ""),
        ("nginx@sha256:" + "a" * 64, "edge", ""),
        ("ssh://git@github.com/acme/pay.git", "pay", ""),
    ],
)
def test_a_resource_leads_to_its_api(resource: str, api: str, owner: str) -> None:
    found = facts(host="", resource=resource)
    assert (found.api_id, found.owner) == (api, owner)


def test_a_place_goes_before_a_resource() -> None:
    both = facts("/users/1", resource="arn:aws:lambda:eu-west-1:1:function:pay-x")
    assert (both.api_id, both.criticality) == ("shop", "high")


def test_a_cloud_finding_gets_host_owner_and_criticality() -> None:
    given = {"title": "x", "rule": "r", "resources": [{"uid": "arn:unknown"}, {"repo": "acme/pay"}]}
    view = view_of(parse_finding(given), LOADED)
    assert (view.api.id, view.api.host, view.api.criticality) == ("pay", "shop.example.com", "critical")
    assert LOADED.known(view).api == view.api


def test_the_view_is_completed_and_nothing_of_the_sender_is_believed() -> None:
    claimed = {"criticality": "low", "business_owner": "x", "id": "jobs", "owner": "team:ops", "environment": "dev"}
    mine = view_of(
        parse_finding({"title": "x", "api": {"host": "shop.example.com", "path": "/users/1", **claimed}}), LOADED
    )
    assert (mine.api.id, mine.api.criticality, mine.api.business_owner) == ("shop", "high", "Maria")
    assert (mine.api.owner, mine.api.environment, mine.api.gateway.api_id) == ("team:pay", "prod", "abc")
    foreign = view_of(parse_finding({"title": "x", "api": {"host": "example.org", **claimed}}), LOADED)
    assert (foreign.api.id, foreign.api.criticality, foreign.api.owner) == ("", None, "")
    carried = foreign.model_copy(update={"api": foreign.api.model_copy(update={"id": "jobs", "criticality": "low"})})
    assert LOADED.known(carried).api.criticality is None


def test_an_entry_of_the_place_goes_before_what_intake_once_chose() -> None:
    stated = {"title": "x", "api": {"host": "shop.example.com", "path": "/x"}, "resource": {"repo": "acme/pay"}}
    view = view_of(parse_finding(stated), LOADED)
    by_resource = view.model_copy(update={"api": view.api.model_copy(update={"id": "pay"})})
    assert LOADED.known(by_resource).api.id == "shop"


def test_the_settings_speak_where_the_file_is_silent() -> None:
    sections = {"*.example.com": Section(criticality="low", business_owner="Tom", health_path="/up")}
    found = inventory(sections=sections)

    def words(host: str, path: str = "/x") -> tuple[str, str, str]:
        known = found.facts(host=host, path=path) or ApiFacts()
        return known.criticality, known.business_owner, found.health_path(host)

    assert words("shop.example.com") == ("high", "Maria", "/alive")
    assert words("other.example.com") == ("low", "Tom", "/up")
    assert words("example.org") == ("", "", "/healthz")
    assert [found.is_rated(host) for host in ("shop.example.com", "other.example.com", "example.org")] == [
        True,
        True,
        False,
    ]
    assert [LOADED.is_rated(host) for host in ("pay.example.com", "other.example.com")] == [True, False]


def test_no_file_is_an_empty_inventory(tmp_path: Path) -> None:
    found = load_inventory(tmp_path / "inventory.yaml", routes=ROUTES)
    assert found.facts(host="shop.example.com", path="/x") is None
    assert (found.facts(host="a.example.com", path="/carts/1/lines/2") or ApiFacts()).template_basis == "route_rule"


NAMED = {"url": "https://{x}.example.com/{b}", "variables": {"x": {"default": "shop"}, "b": {"default": "b1"}}}
SWAGGER = {"swagger": "2.0", "basePath": "/v2", "paths": {"/u/{id}": {}}}
TWICE = "resources:\n- {match: a/b, api: a}\n- {match: A/b.git, api: b}"
OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example.com/v1"}, {"url": "https://test.example.net/test"}],
    "paths": {
        "/users/{id}": {"get": {}},
        "/own/{x}": {"servers": [{"url": "/other"}], "get": {}},
        "/../x": {"get": {}},
    },
}


@pytest.mark.parametrize(
    ("document", "entry", "path", "template"),
    [
        (OPENAPI, "host: shop.example.com", "/v1/users/7", "/v1/users/{id}"),
        (OPENAPI, "host: shop.example.com", "/test/users/7", ""),
        (OPENAPI, "host: shop.example.com", "/other/own/7", "/other/own/{x}"),
        (OPENAPI, "{host: shop.example.com, base_path: /edge}", "/edge/users/7", "/edge/users/{id}"),
        (SWAGGER, "host: shop.example.com", "/v2/u/1", "/v2/u/{id}"),
        ({"openapi": "3.0.3", "paths": {"/u/{id}": {}}}, "host: shop.example.com", "/u/1", "/u/{id}"),
        (OPENAPI | {"servers": [NAMED]}, "title: none", "/b1/users/7", "/b1/users/{id}"),
    ],
)  # fmt: skip
def test_servers_and_base_paths_are_honoured(
    tmp_path: Path, document: dict[str, Any], entry: str, path: str, template: str
) -> None:
    (tmp_path / "api.json").write_text(json.dumps(document))
    words = entry.strip("{}") + ", openapi: api.json"
    found = inventory(f"version: inventory/v1\napis: {{a: {{{words}}}}}\n", tmp_path)
    assert (found.facts(host="shop.example.com", path=path) or ApiFacts()).path_template == template


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apis: {}", [("I101", 1)]),
        ("version: inventory/v2", [("I103", 1)]),
        ("version: inventory/v1\napis: {a: {hots: x.example.com}}", [("I102", 2)]),
        ("version: inventory/v1\napis:\n  a: {host: '*'}", [("I103", 3)]),
        ("version: inventory/v1\napis:\n  a: {host: 'HTTP://x'}", [("I103", 3)]),
        ("version: inventory/v1\napis:\n  a: {criticality: huge}\n  b: {owner: nobody}", [("I103", 3), ("I103", 4)]),
        ("version: inventory/v1\napis:\n  a: {paths: ['/x/../y', 'x', '/x?y', '/%2f']}", [("I103", 3)] * 4),
        ("version: inventory/v1\napis:\n  a: {host: x.io}\n  b: {host: x.io, base_path: /}", [("I104", 4)]),
        (f"version: inventory/v1\napis: {{a: {{}}, b: {{}}}}\n{TWICE}", [("I105", 5)]),
        ("version: inventory/v1\nresources:\n- {match: a/b, api: a}", [("I106", 3)]),
        ("version: inventory/v1\napis: {a: {}}\nresources:\n- {match: '*', api: a}", [("I103", 4)]),
        ("version: inventory/v1\napis:\n  a: {owner: team:strangers}", [("I107", 3)]),
        ("version: inventory/v1\napis:\n  a: {openapi: ../x.json}", [("I108", 3)]),
        ("version: inventory/v1\napis:\n  a: {openapi: /etc/hostname}", [("I108", 3)]),
        ("version: inventory/v1\napis:\n  a: {openapi: not-there.yaml}", [("I108", 3)]),
        ("version: inventory/v1\napis: &x {a: {}}", [("I101", 2)]),
        ("version: inventory/v1\napis: {a: {}, a: {}}", [("I101", 2)]),
    ],
)  # fmt: skip
def test_mistakes_have_a_code_and_a_place(tmp_path: Path, text: str, expected: list[tuple[str, int]]) -> None:
    assert problems(text, tmp_path) == expected


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps(OPENAPI))
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "api.json").symlink_to(tmp_path / "secret.json")
    assert problems("version: inventory/v1\napis:\n  a: {openapi: api.json}", tmp_path / "policy") == [("I108", 3)]


@pytest.mark.parametrize("document", ["[]", "{", "swagger: '1.2'\n", "openapi: 4.0.0\n", "- a\n"])
def test_what_is_no_openapi_is_told_at_the_entry(tmp_path: Path, document: str) -> None:
    (tmp_path / "api.yaml").write_text(document)
    found = problems("version: inventory/v1\napis:\n  a: {openapi: api.yaml}", tmp_path)
    assert [line for _, line in found] == [3]
    assert {code for code, _ in found} <= {"I110", "I111"}


def test_ten_thousand_templates_cost_little() -> None:
    paths = json.dumps([f"/v1/area{number % 100}/thing{number}/{{id}}/part/{{x}}" for number in range(10_000)])
    found = inventory(f"version: inventory/v1\napis: {{a: {{host: shop.example.com, paths: {paths}}}}}")
    begun = time.process_time()
    for number in range(2000):
        path = f"/v1/area{number % 100}/thing{number}/{number}/part/9"
        known = found.facts(host="shop.example.com", path=path)
        assert known is not None
        assert known.path_template == f"/v1/area{number % 100}/thing{number}/{{id}}/part/{{x}}"
    assert (time.process_time() - begun) / 2000 < 0.0005, "ten times what it takes on a small machine"


def test_segments_that_would_be_tried_one_by_one_are_limited() -> None:
    words = json.dumps([f"/files/{{x}}.{number}" for number in range(300)])
    with pytest.raises(ConfigError) as caught:
        inventory(f"version: inventory/v1\napis: {{a: {{host: a.example.com, paths: {words}}}}}")
    assert caught.value.code == "I108"


def test_names_from_senders_do_not_fill_memory() -> None:
    found = inventory()
    for number in range(9000):
        found.facts(host=f"h{number}.example.org", path="/x")
    assert len(vars(found)["_hosts"]) <= 4096


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=60))
def test_nothing_that_a_sender_writes_breaks_it(path: str, host: str, resource: str) -> None:
    found = LOADED.facts(host=host, path=f"/users/{path}", resource=resource)
    assert (
        found is None or found.path_template in ("", "/users/{id}", "/users/me", "/{any}/deep/") or "shop" not in host
    )


@given(st.lists(st.sampled_from(["users", "me", "7", "a", "b", "c", "deep", "..", "%2e", "x%2f", ""]), max_size=5))
def test_a_template_is_segment_exact(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    template = facts(path).path_template
    if template:
        kept = [part for part in parts if part]
        assert not {"..", "%2e", "x%2f"} & set(parts)
        assert len(template.strip("/").split("/")) == len(kept)
