"""Whoever is taken out of the directory is out at once, whomever playbooks still name and whatever else is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy_support import copied, edit, soon, store_of

from stanch import policy
from stanch.departures import departed
from stanch.policy import PolicyStore
from stanch.routing import load_route_files
from stanch.seats import active

ZOE = "    user:zoe:   {name: Zoe Z., slack: U01ZOE}\n"
TEAM = "  teams:\n"
ASKING = """version: playbook/v1
id: ask
title: Ask
owner: team:appsec
mode: manual
on: {match: {host: x.example.com}}
steps:
  - id: ok
    approve:
      ask: Well?
      need: [{from: ["user:zoe", "team:appsec"]}]
      not_by: [run.requested_by]
      escalate: [{after: 1h, to: ["user:zoe"]}]
      expires: 2h
      on_timeout: reject
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(policy, "RELOAD_SECONDS", 0.05)
    made = copied(tmp_path)
    edit(made / "policy" / "routes.yaml", TEAM, ZOE + TEAM)
    (made / "playbooks" / "ask.yaml").write_text(ASKING, "utf-8")
    return made


def here(store: PolicyStore) -> bool:
    return active(store.current.routes.people, "user:zoe")


def test_who_is_still_named_by_a_playbook_can_be_removed(folder: Path) -> None:
    store = store_of(folder)
    assert (here(store), store.state.strangers) == (True, ())
    edit(folder / "policy" / "routes.yaml", ZOE, "")
    soon(lambda: not here(store))
    assert (store.problem, store.state.failures) == ("", 0)
    told = store.state.strangers
    assert [("ask.yaml:" in line, "'user:zoe' is not in the directory" in line) for line in told] == [(True, True)] * 2
    again = store_of(folder)  # as a process does that starts later
    assert (here(again), again.state.strangers) == (False, told)
    edit(folder / "playbooks" / "ask.yaml", "user:zoe", "user:ana")
    soon(lambda: store.current and not store.state.strangers)


def test_who_is_excluded_and_not_there_could_be_anybody(folder: Path) -> None:
    store = store_of(folder)
    edit(folder / "playbooks" / "ask.yaml", "run.requested_by", '"team:apsec"')
    soon(lambda: store.current and "P210" in store.problem)
    assert store.current.playbooks.entries["ask"].plan.walk()["ok"].approve is not None
    assert here(store)


@pytest.mark.parametrize("how", ["removed", "inactive", "with a mistake beside"])
def test_no_other_mistake_keeps_anybody_in(folder: Path, how: str) -> None:
    store = store_of(folder)
    good, routes = store.current, folder / "policy" / "routes.yaml"
    edit(folder / "policy" / "guards.yaml", "version:", "versoin:")
    soon(lambda: store.current and store.problem)
    assert here(store)
    if how == "with a mistake beside":
        edit(routes, "members: [user:ana, user:tom], slack", "members: [user:zoe, user:ana, user:tom], slack")
    edit(routes, ZOE, ZOE.replace("slack", "active: false, slack") if how == "inactive" else "")
    soon(lambda: not here(store))
    assert "out all the same: user:zoe" in store.problem
    assert active(store.current.routes.people, "user:ana")
    assert store.state.digest == good.digest
    assert store.current.guards is good.guards
    assert store.current.routes.people.contact("team:appsec", "slack") == "C0APPSEC"


def test_who_comes_back_is_back_with_the_next_good_edit(folder: Path) -> None:
    store = store_of(folder)
    edit(folder / "policy" / "guards.yaml", "version:", "versoin:")
    edit(folder / "policy" / "routes.yaml", ZOE, "")
    soon(lambda: not here(store))
    edit(folder / "policy" / "routes.yaml", TEAM, ZOE + TEAM)
    edit(folder / "policy" / "guards.yaml", "versoin:", "version:")
    soon(lambda: here(store))
    assert store.problem == ""


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["]"], ["version: routing/v1\n"], ["directory: {users: {}}\n"], ["directory: {users: []}\n"]],
)
def test_nobody_leaves_by_what_says_nothing_about_people(folder: Path, texts: list[str]) -> None:
    text = (folder / "policy" / "routes.yaml").read_text("utf-8")
    people = load_route_files({"routes.yaml": text}).people
    assert departed(people, texts) == ()
    assert departed(people, [text, *texts]) == ()
    assert departed(people, ["directory: {users: {user:ana: {name: Ana S.}, user:tom: 7}}\n"]) == (
        "user:maria",
        "user:zoe",
    )
