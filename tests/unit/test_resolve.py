"""How much a run may do alone: the lowest of all that has a say, and nothing where it cannot be known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stanch.contract import Resolve, Resolved
from stanch.errors import DependencyError
from stanch.plan import Mode
from stanch.policy import PolicyStore
from stanch.records import Records
from stanch.resolve import resolve
from stanch.settings import Settings
from stanch.settings_sections import Inventory
from stanch.views import ActorView, ApiView, FindingView

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
HOST = "api.example.com"
SETTINGS = Settings(policy_dir=ROOT / "policy", playbooks_dir=ROOT / "playbooks")


@cache
def policy() -> PolicyStore:
    return PolicyStore(SETTINGS)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path}/records.db", b"0123456789abcdef")
    yield made
    made.close()


def attack(**api: Any) -> FindingView:
    """A finding that the shipped playbook of mode auto is for."""
    given = {
        "host": HOST,
        "path": "/orders/17",
        "path_template": "/orders/{id}",
        "method": "GET",
        "criticality": "high",
    }
    return FindingView(
        id="F-1",
        title="One token reads everything",
        source="own",
        kind="attack",
        category="API1:2023",
        severity="critical",
        confidence=0.97,
        phase="exploit",
        api=ApiView(**{**given, **api}),
        actor=ActorView(token_id="tok-attacker", user_id="mallory"),
    )


def ask(records: Any, finding: FindingView | None = None, *, settings: Settings = SETTINGS, **more: Any) -> Resolved:
    given = {"case_id": "case-1", "finding": finding or attack(), "assurance": "A", "now": NOW, **more}
    return resolve(policy().current, records, Resolve(**given), settings=settings)


def test_all_say_yes(records: Records) -> None:
    found = ask(records)
    assert found.plan is not None
    assert (found.plan.playbook, found.plan.mode, found.mode) == ("contain_attacker", Mode.AUTO, Mode.AUTO)
    assert found.policy_digest == policy().current.digest


@pytest.mark.parametrize(
    ("api", "more", "mode", "why"),
    [
        ({"environment": "lab"}, {}, Mode.SEMI, "lab allows semi"),
        ({"host": "old.example.com"}, {}, Mode.SEMI, "how critical"),
        ({}, {"assurance": "C"}, Mode.MANUAL, "URL only"),
        ({"host": "old.example.com"}, {"assurance": "C"}, Mode.MANUAL, "URL only"),
        ({}, {"assurance": "B"}, Mode.AUTO, ""),
    ],
)
def test_the_lowest_counts_and_is_named(
    records: Records, api: dict[str, Any], more: dict[str, Any], mode: Mode, why: str
) -> None:
    found = ask(records, attack(**api), **more)
    assert found.mode is mode
    assert why in found.why
    assert found.plan is not None
    assert found.plan.mode is Mode.AUTO, "the plan stays as it was checked; the run is lowered"


def test_the_inventory_of_the_deployment_counts(records: Records) -> None:
    known = SETTINGS.model_copy(update={"inventory": {"*.example.com": Inventory(criticality="low")}})
    finding = attack(host="old.example.com", criticality=None)
    question = Resolve(case_id="case-1", finding=finding, assurance="A", now=NOW)
    assert resolve(PolicyStore(known).current, records, question, settings=known).mode is Mode.AUTO
    assert ask(records, finding).mode is Mode.SEMI


def test_only_the_inventory_of_today_is_believed_about_criticality(records: Records) -> None:
    """What a finding carries was said by an older inventory, or by nobody."""
    carried = {"criticality": "low", "owner": "team:devops", "id": "payments"}
    found = ask(records, attack(host="old.example.org", **carried))
    assert found.plan is None or found.mode is not Mode.AUTO
    assert (found.route.owner.id, found.route.rule) == ("team:appsec", "fallback")


@pytest.mark.parametrize(
    "scope",
    ["all", "playbook:contain_attacker", "source:own", f"host:{HOST}", "host:*.example.com", "environment:prod"],
)
def test_a_halt_leaves_everything_to_people(records: Records, scope: str) -> None:
    records.halt(scope, by="user:ana", reason="", at=NOW)
    found = ask(records)
    assert (found.mode, "halted" in found.why) == (Mode.MANUAL, True)
    records.resume(scope)
    assert ask(records).mode is Mode.AUTO


@pytest.mark.parametrize("scope", ["playbook:other", "source:zap", "host:www.example.org", "action:block.ip"])
def test_a_halt_of_something_else_does_not(records: Records, scope: str) -> None:
    records.halt(scope, by="user:ana", reason="", at=NOW)
    assert ask(records).mode is Mode.AUTO


def test_past_its_limits_a_playbook_asks(records: Records) -> None:
    plan = ask(records).plan
    assert plan is not None
    assert plan.limits.per_host or plan.limits.runs
    count = (plan.limits.per_host or plan.limits.runs or (0, 0))[0]
    for number in range(2, count + 1):
        assert ask(records, case_id=f"case-{number}").mode is Mode.AUTO
    found = ask(records, case_id="case-too-many")
    assert (found.mode, "limits" in found.why) == (Mode.SEMI, True)
    assert ask(records).mode is Mode.AUTO, "the same case again takes nothing"


class _Unreadable:
    def __getattr__(self, name: str) -> Any:
        raise DependencyError("records cannot be used")


def test_what_cannot_be_read_allows_nothing() -> None:
    found = ask(_Unreadable())
    assert (found.mode, "cannot be read" in found.why) == (Mode.MANUAL, True)


def test_a_test_finding_has_an_owner_and_no_plan(records: Records) -> None:
    found = ask(records, attack().model_copy(update={"is_test": True}))
    assert (found.plan, found.mode, found.route.owner.id) == (None, Mode.MANUAL, "team:payments")


def test_no_playbook_is_no_plan(records: Records) -> None:
    quiet = FindingView(id="F-2", source="own", severity="info", api=ApiView(host="www.example.org"))
    found = ask(records, quiet)
    assert found.plan is None or found.plan.playbook == "triage"
    assert found.route.owner.id == "team:appsec"
    assert found.why


def test_everybody_who_may_be_asked_is_pinned(records: Records) -> None:
    exposure = attack().model_copy(
        update={"category": "API3:2023", "kind": "exposure", "phase": "none", "severity": "high"}
    )
    found = ask(records, exposure)
    assert found.plan is not None
    assert found.plan.playbook == "data_exposure_block"
    assert found.people["team:appsec"] == ("user:ana", "user:tom")
    assert found.people["team:payments"] == ("user:tom",)
    assert found.people["user:maria"] == ("user:maria",)
    assert len(found.people["schedule:appsec-oncall"]) == 1
    assert not any(name.startswith(("route.", "run.", "ticket.")) for name in found.people)
