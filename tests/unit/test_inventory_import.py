"""Foreign files: what is read of OpenAPI and Backstage, what is written, and what is refused."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.errors import ConfigError
from stanch.inventory import Written, parse_inventory, read_documents, read_draft, read_openapi
from stanch.routing import load_routes

ROUTES = load_routes(
    """
version: routing/v1
directory:
  users: {"user:ana": {name: Ana}}
  teams: {"team:money": {lead: user:ana, catalog: group:default/payments}}
default: {id: fallback, owner: user:ana}
"""
)
CATALOGUE = """
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: Pay-API, title: "Pay: \\"me\\" # now", labels: {example.com/criticality: high}}
spec:
  type: openapi
  lifecycle: production
  owner: payments
  definition: |
    openapi: 3.0.1
    info: {title: ignored, version: 1.0.0}
    servers: [{url: "https://{env}.pay.example.com/v1", variables: {env: {default: live}}}]
    paths:
      /users/{id}: {get: {responses: {200: {description: ok}}}}
      "/../x": {get: {}}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: other}
spec: {type: openapi, lifecycle: experimental, owner: "user:default/ana", definition: {$text: ./other.json}}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: pay-service
  annotations:
    github.com/project-slug: acme/pay
    backstage.io/source-location: url:https://github.com/acme/pay/tree/main/
spec: {type: service, owner: group:default/strangers, providesApis: [pay-api]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: db, annotations: {example.com/arn: "arn:aws:rds:eu:1:db:pay"}}
spec: {type: database, owner: payments, dependencyOf: ["component:default/pay-service"]}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: money}
spec: {owner: payments}
"""
OTHER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Other", "version": "1"},
    "host": "other.example.com",
    "basePath": "/api",
    "paths": {"/x/{id}": {"get": {}}},
}


def written(folder: Path, *names: str) -> Written:
    return Written(read_draft([folder / name for name in names], folder=folder / "policy"), ROUTES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "catalog-info.yaml").write_text(CATALOGUE)
    (tmp_path / "other.json").write_text(json.dumps(OTHER))
    (tmp_path / "policy").mkdir()
    return tmp_path


def test_a_catalogue_becomes_apis_and_resources(folder: Path) -> None:
    found = written(folder, "catalog-info.yaml")
    assert found.data["apis"] == {
        "pay-api": {
            "title": 'Pay: "me" # now',
            "host": "live.pay.example.com",
            "base_path": "/v1",
            "environment": "prod",
            "criticality": "high",
            "owner": "team:money",
            "paths": ["/users/{id}"],
        },
        "other": {
            "title": "Other",
            "host": "other.example.com",
            "base_path": "/api",
            "owner": "user:ana",
            "paths": ["/x/{id}"],
        },
    }
    assert found.data["resources"] == [
        {"match": ["github.com/acme/pay"], "api": "pay-api", "owner": "team:strangers"},
        {"match": ["arn:aws:rds:eu:1:db:pay"], "api": "pay-api"},
    ]
    assert found.unknown == {"team:strangers": "group:default/strangers"}
    assert any("system" in note for note in found.notes)


def test_what_is_written_is_what_was_found_and_loads(folder: Path) -> None:
    found = written(folder, "catalog-info.yaml")
    text = found.text()
    assert "add team:strangers to directory in routes.yaml" in text
    loaded = parse_inventory(text, folder=folder)
    assert loaded.file.model_dump(exclude_defaults=True, exclude_unset=True, mode="json") == found.data | {
        "apis": found.data["apis"],
    }
    facts = loaded.facts(host="live.pay.example.com", path="/v1/users/7", resource="")
    assert facts is not None
    assert (facts.api_id, facts.path_template, facts.owner) == ("pay-api", "/v1/users/{id}", "team:money")


def test_an_openapi_file_beside_the_inventory_is_named_and_another_is_copied(folder: Path) -> None:
    (folder / "policy" / "spec.json").write_text(json.dumps(OTHER))
    near = written(folder, "policy/spec.json")
    assert near.data["apis"]["other"]["openapi"] == "spec.json"
    assert "paths" not in near.data["apis"]["other"]
    loaded = parse_inventory(near.text(), folder=folder / "policy")
    facts = loaded.facts(host="other.example.com", path="/api/x/1")
    assert facts is not None
    assert facts.path_template == "/api/x/{id}"
    assert written(folder, "other.json").data["apis"]["other"]["paths"] == ["/x/{id}"]


def test_a_place_that_two_files_claim_is_given_to_the_first_and_told(folder: Path) -> None:
    (folder / "again.json").write_text(json.dumps(OTHER | {"info": {"title": "Again"}}))
    found = written(folder, "other.json", "again.json")
    assert ("host" in found.data["apis"]["other"], "host" in found.data["apis"]["again"]) == (True, False)
    assert any("is 'other' already" in note for note in found.notes)
    parse_inventory(found.text(), folder=folder)


def test_text_is_read_from_beside_the_catalogue_only(folder: Path) -> None:
    (folder / "in").mkdir()
    text = CATALOGUE.replace("./other.json", "../other.json")
    (folder / "in" / "catalog-info.yaml").write_text(text)
    found = written(folder, "in/catalog-info.yaml")
    assert found.data["apis"]["other"] == {"owner": "user:ana"}
    assert any("outside the folder" in note for note in found.notes)


@pytest.mark.parametrize("text", ["a: 1\n", "[]", '{"openapi": "4.0", "paths": {}}', "apiVersion: v1\nkind: Pod\n"])
def test_other_files_are_refused(folder: Path, text: str) -> None:
    (folder / "x.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        written(folder, "x.yaml")
    assert caught.value.code in ("I111", "I112")


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "aliases written out"),
        ("a: &a [*a]\n", "names nothing before it"),
        ("a: *b\n", "alias"),
        ("a: 1\nb: 2\na: 3\n", "here twice"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ("- " * 200 + "x", "nested deeper"),
        ("x" * (17 * 1024 * 1024), "larger than"),
        ("? [a]\n: b\n", "a key must be text"),
        ("a: 'x\n", "not valid YAML"),
        ("a: \x00\n", "YAML"),
        ("{", "not valid JSON"),
        ('{"a": NaN}', "not valid JSON"),
        ("\ud800", "YAML"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_hostile_files_are_refused_with_a_place(text: str, words: str) -> None:
    begun = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read_documents(text, "x")
    assert caught.value.code == "I110"
    assert words in caught.value.problems[0].message
    assert caught.value.problems[0].line >= 1
    assert time.process_time() - begun < 10


def test_what_yaml_files_of_others_do_is_read() -> None:
    assert read_documents("a: &x {b: 1}\nc: *x\n200: !tag no\n---\n---\nd: 012\n") == [
        {"a": {"b": 1}, "c": {"b": 1}, "200": "no"},
        {"d": "012"},
    ]
    assert read_documents('\ufeff {"a": [1]}') == [{"a": [1]}]


@given(
    st.dictionaries(
        st.text(max_size=8), st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=4), max_size=5
    )
)
def test_no_shape_of_an_openapi_file_breaks_the_reader(words: dict[str, Any]) -> None:
    for key in ("paths", "servers", "info", "host"):
        with contextlib.suppress(ConfigError):
            assert read_openapi(json.dumps({**words, "openapi": "3.0.0", key: words})).dialect == "3.0.0"


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_words_of_a_catalogue_stay_data(
    tmp_path_factory: pytest.TempPathFactory, title: str, owner: str, slug: str
) -> None:
    entity = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "x", "title": title, "annotations": {"github.com/project-slug": slug}},
        "spec": {"owner": owner, "lifecycle": owner},
    }
    folder = tmp_path_factory.mktemp("in")
    (folder / "c.json").write_text(json.dumps(entity))
    found = written(folder, "c.json")
    loaded = parse_inventory(found.text(), folder=folder)
    assert set(loaded.file.apis) == {"x"}
    assert (loaded.file.apis["x"].title or "") == " ".join(title.split())[:200]
