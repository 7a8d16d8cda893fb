"""Whatever a finding says, in whichever field: it is shown, and never evaluated, obeyed or let out of its place."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from stanch.playbooks.library import PlaybookSet
from stanch.routing import RouteTable, load_routes
from stanch.simulate import Report, simulate
from stanch.simulate.driver import START
from stanch.texts import render, shipped
from stanch.views import FindingView

ROOT = Path(__file__).parents[2]
EVALUATED = "1337"  # what 7 * 191 would give, in any language
PAYLOADS = (
    "${{ 7 * 191 }}",
    "${{ string(7 * 191) }}",
    "$${{ 7 * 191 }}",
    "{{ 7 * 191 }}",
    "{{ finding.__class__.__mro__ }}{{ 7 * 191 }}",
    "{% if true %}{{ 7 * 191 }}{% endif %}",
    "{% include 'attack' %}{# hidden #}",
    "' + string(7 * 191) + '",
    "x' || true || finding.title == '",
    "=7*191",
    "@SUM(7*191)",
    "%{7*191}#{7*191}<%= 7*191 %>${7*191}$((7*191))`expr 7 \\* 191`",
    "a: &a [*a]\n- !!python/object:os.system {}\n---\n<<: *a",
    "x\n\nHow to fix it\n1. Approve",
    "\x1b[2J\x00\x07\x9b31m\u202e\u2066gnp\u2069\u200b\ufeff",
    "<script>alert(7*191)</script>[x](javascript:7*191)<!channel>",
)
FORBIDDEN = {*map(chr, range(9)), *"\x0b\x0c\x0e\x1b\x7f\x9b\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069"}
BENIGN: dict[str, dict[str, Any]] = {
    "config_issue_ticket": {"category": "API8:2023", "api": {"host": "mobile.example.com", "path": "/x"}},
    "data_exposure_block": {"category": "API3:2023", "severity": "high", "confidence": 0.99},
    "attach_owasp_policy": {"kind": "policy_gap", "category": "API8:2023", "confidence": 0.99},
    "contain_attacker": {"kind": "attack", "phase": "exploit", "confidence": 0.99, "actor": {"token_id": "t"}},
    "triage": {},
}


def texts_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every field of a finding that may hold foreign text."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from texts_of(kind, (*path, name))
        elif str in kinds or kind == tuple[str, ...]:
            yield (*path, name)


FIELDS = sorted(texts_of(FindingView))


def with_text(base: dict[str, Any], path: tuple[str, ...], text: str) -> FindingView:
    data = FindingView.model_validate(base).model_dump()
    place = data
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = (text,) if isinstance(place[path[-1]], tuple) else text
    return FindingView.model_validate(data)


def everywhere(base: dict[str, Any], text: str, *, but: tuple[tuple[str, ...], ...] = ()) -> FindingView:
    """The text in every field at once, but in those that conditions read."""
    finding = FindingView.model_validate(base)
    for path in FIELDS:
        if path not in but:
            finding = with_text(finding.model_dump(), path, text)
    return finding


DECIDING = (("category",), ("api", "host"), ("api", "path"), ("api", "environment"), ("api", "criticality"))
DECIDING += (("api", "method"), ("data_classification",), ("source",), ("type",), ("labels",))
DECIDING += tuple(("actor", name) for name in ("ip", "user_id", "token_id", "token_hash", "session_id", "client_id"))


@cache
def routes() -> RouteTable:
    return load_routes((ROOT / "policy/routes.yaml").read_text("utf-8"), "routes.yaml")


@cache
def playbooks() -> PlaybookSet:
    return PlaybookSet.load(ROOT / "playbooks")


def ran(name: str, finding: FindingView) -> Report:
    return simulate(playbooks().entries[name].plan, finding)


def test_the_fields_are_all_there() -> None:
    assert len(FIELDS) > 25
    assert {("title",), ("labels",), ("api", "path"), ("actor", "token_id"), ("resource", "uid")} <= set(FIELDS)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("template", shipped().names)
def test_texts_show_it_and_evaluate_nothing(template: str, payload: str) -> None:
    for path in FIELDS:
        text = render(template, {"finding": with_text({}, path, payload)})
        whole = f"{text.title}\n{text.body}"
        assert EVALUATED not in whole, path
        assert not FORBIDDEN & set(whole), path
        assert whole.count("\nHow to fix it\n") <= 1, path
        assert "\n1. Approve" not in whole.replace("> 1. Approve", ""), path


@pytest.mark.parametrize("name", BENIGN)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_playbooks_do_the_same_and_hand_it_on_as_it_is(name: str, payload: str) -> None:
    wanted = ran(name, FindingView.model_validate(BENIGN[name]))
    report = ran(name, everywhere(BENIGN[name], payload, but=DECIDING))
    assert [(each.action, each.step, each.purpose) for each in report.effects] == [
        (each.action, each.step, each.purpose) for each in wanted.effects
    ]
    assert report.status == wanted.status
    assert len(report.approvals) == len(wanted.approvals)
    said = json.dumps(report.as_json(), ensure_ascii=False)
    assert EVALUATED not in said


@pytest.mark.parametrize("payload", PAYLOADS)
def test_conditions_read_it_as_text(payload: str) -> None:
    """Also in the fields that rules and playbooks compare: at most another rule is right, and nothing breaks."""
    plain = routes().route(FindingView.model_validate({"api": {"host": "api.example.com"}}), START)
    for path in FIELDS:
        finding = with_text({"api": {"host": "api.example.com"}}, path, payload)
        decision = routes().route(finding, START)
        assert playbooks().select(finding, decision.view).why
        assert EVALUATED not in decision.view.model_dump_json()
        if path not in DECIDING:
            assert decision.view.rule == plain.view.rule, path


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PAYLOADS) | st.text(max_size=30), min_size=1, max_size=5).map("".join))
def test_mixtures_of_it(payload: str) -> None:
    report = ran("data_exposure_block", everywhere(BENIGN["data_exposure_block"], payload, but=DECIDING))
    wanted = ran("data_exposure_block", FindingView.model_validate(BENIGN["data_exposure_block"]))
    assert [each.action for each in report.effects] == [each.action for each in wanted.effects]
    summary = report.effects[0].params["summary"]
    assert summary.startswith("[high] ")
    if EVALUATED not in payload:
        assert EVALUATED not in json.dumps(report.as_json())
