"""Principals in playbooks: a misspelt word is a mistake at load and at run, and what was asked before still ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from glue import Glue, job

from activities import blocks, foresight
from activities._asked import spec_of
from activities._run import perform
from activities.blocks import _lease_taken
from stanch.catalog import catalog
from stanch.errors import ConfigError, Rejected
from stanch.interpreter.params import checked
from stanch.leases import BlockSpec, Lease, Principal, target_of
from stanch.playbooks.library import PlaybookSet

SHA = "ab" * 32
WRONG: tuple[dict[str, Any], ...] = (
    {"user": "u1"},
    {"user_id": "u1", "sesion_id": "s1"},
    {"user_id": ""},
    {"user_id": "u1", "session_id": ""},
    {},
    {"user_id": None},
    {"header": {"name": "x-key", "sha256": SHA, "vlaue": "x"}},
    {"user_id": "u1", "cookie": {"name": "sid", "sha256": SHA, "path": "/"}},
    {"body": {"pointer": "/user", "value": "u1", "case": "any"}},
)
ASKS = ("block.scope", "block.count", "limit.rate", "block.estimate", "block.observe", "list.add")
BOOK = (
    "version: playbook/v1\nid: p\ntitle: T\nowner: team:appsec\nmode: semi\non: {{role: called}}\n"
    "tests: [{{name: t, finding: {{title: x}}, expect: {{}}}}]\nsteps:\n"
    "- {{id: ok, approve: {{ask: Sure?, need: [{{from: ['team:appsec']}}], binds: [b], expires: 4h}}}}\n"
    "- {{id: b, when: steps.ok.approved, do: block.scope, undo: auto,\n"
    "   with: {{host: api.example.com, ttl: 1h, principal: {who}}}}}\n"
)

VERBS = {**blocks.IMPLEMENTATIONS, **foresight.IMPLEMENTATIONS}


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path, points={"edge": {"kind": "envoy", "hosts": ["*.example.com"]}}) as made:
        yield made


def params_of(action: str, who: dict[str, Any]) -> dict[str, Any]:
    where = {"list": "abusive_tokens"} if action == "list.add" else {"host": "api.example.com"}
    return {**where, **({"requests": 5} if action == "limit.rate" else {}), "principal": who}


@pytest.mark.parametrize("who", WRONG)
@pytest.mark.parametrize("action", ASKS)
def test_who_is_misspelt_or_empty_is_refused_at_run(glue: Glue, action: str, who: dict[str, Any]) -> None:
    """Also after the interpreter has looked at it, which runs that are replayed go through with older words."""
    given = checked(catalog()[action], params_of(action, who))
    with pytest.raises(Rejected) as caught:
        perform(
            glue.world,
            job(action, given),
            VERBS[action],
            lambda *_: None,
        )
    assert caught.value.code == "P105"
    assert glue.records.leases(limit=5) == []


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("{user: u1}", "P105"),
        ("{}", "P105"),
        ("{user_id: ''}", "P105"),
        ("{header: {name: x, sha256: " + SHA + ", valu: y}}", "P105"),
        ('{usr_id: "${{ finding.title }}"}', "P104"),
        ('{header: {nme: "${{ finding.title }}"}}', "P104"),
        ("{user_id: u1}", ""),
        ('{user_id: "${{ finding.title }}"}', ""),
    ],
)
def test_it_is_told_when_a_playbook_is_loaded(who: str, code: str) -> None:
    try:
        PlaybookSet.of_texts({"p.yaml": BOOK.format(who=who)})
        found: set[str] = set()
    except ConfigError as error:
        found = {problem.code for problem in error.problems}
    assert found == ({code} if code else set())


def test_the_nearest_word_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        PlaybookSet.of_texts({"p.yaml": BOOK.format(who="{user: u1}")})
    assert "there is no 'user' here; did you mean 'user_id'?" in caught.value.problems[0].message


@pytest.mark.parametrize("who", WRONG)
def test_what_was_asked_for_before_is_lifted_as_it_was_understood(glue: Glue, who: dict[str, Any]) -> None:
    """An upgrade may not leave a block without its end."""
    kept = {name: value for name, value in who.items() if name in Principal.model_fields}
    before = Principal.model_validate(kept)
    spec = BlockSpec(host="api.example.com", principal=None if before.empty else before)
    subject = {"action": "block.scope", "params": params_of("block.scope", who), "outputs": {"point": "edge"}}
    task = job("block.lift", {"lease_id": "l1"}, subject=subject)
    taken = _lease_taken(glue.world, task, task.spec.params.model_validate({"lease_id": "l1"}))
    assert taken.target == target_of(spec)


def test_a_stored_lease_with_words_of_another_release_can_be_read() -> None:
    spec = spec_of(catalog()["block.scope"].params.model_validate(params_of("block.scope", {"user_id": "u1"})))
    assert isinstance(spec, BlockSpec)
    assert type(spec.principal) is Principal
    stored = {"lease_id": "l", "case_id": "c", "episode": "e", "step": "s", "point": "edge", "target": target_of(spec)}
    stored |= {"expires_at": "2026-01-01T00:00:00Z", "spec": spec.model_dump(mode="json")}
    stored["spec"]["principal"]["device_id"] = "d1"
    assert Lease.model_validate(stored).spec == spec
