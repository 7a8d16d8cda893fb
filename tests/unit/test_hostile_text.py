"""What an attacker writes into a finding is data: shipped playbooks carry it to every effect and evaluate none of it.

Each run is made twice: once with harmless words in the fields, once with hostile ones. Every effect, question, output
and problem of the second run must be those of the first with the words replaced, letter for letter.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.playbooks.examples import Moment
from stanch.playbooks.library import PlaybookSet
from stanch.simulate import Report, Setting, simulate
from stanch.texts import shipped
from stanch.views import FindingView

BOOKS = PlaybookSet.load(Path(__file__).parents[2] / "playbooks").entries
TELLTALE = "94011"  # 31337 * 3: only an evaluation gives this number
HOSTILE = [
    "${{ 31337 * 3 }}",
    "$${{ 31337 * 3 }}",
    "{{ 31337 * 3 }}{% if true %}x{% endif %}{# c #}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}{{31337*3}}",
    "' + string(31337 * 3) + '",
    "\\" + "${{ string(31337 * 3) }}",
    '{"$": "31337 * 3"}',
    '{"$t": [{"$": "string(31337 * 3)"}]}',
    "x}}${{ steps.ticket.outputs.key }}",
    "a: &x [1, 2]\n- *x\n<<: {mode: auto}\n!!python/object/apply:os.system ['id']",
    "<script>alert(31337*3)</script><!channel> @here [x](javascript:1) *b* _i_ `c` |t|",
    "\x00\x1b[31m\r\n\u202e\u2028\ufeff\x7f%s %n $(id) `id` ;id",
    "'; DROP TABLE cases; -- ${jndi:ldap://x} #{31337*3} <%= 31337*3 %> [[${31337*3}]]",
    "steps.ok_to_block.approved || true",
]
WORDS = ("title", "description", "source", "type")
PEOPLE = ("user_id", "token_id", "session_id", "client_id", "token_hash")
RESOURCE = ("uid", "owner", "repo", "account", "region")
API = ("subdomain", "base_domain")
FIELDS = (*WORDS, "label", "data_classification", *PEOPLE, *RESOURCE, *API)
CASES = {
    "config_issue_ticket": {"category": "API8:2023"},
    "data_exposure_block": {"category": "API3:2023", "severity": "high"},
    "attach_owasp_policy": {"confidence": 0.99},
    "contain_attacker": {"kind": "attack", "phase": "exploit", "confidence": 0.99},
    "triage": {},
}
VOTES = [
    Moment.model_validate(words)
    for words in (
        {"at": "20m", "approve": "ok_to_block", "by": "user:maria"},
        {"at": "25m", "approve": "ok_to_block", "by": "user:tom"},
        {"at": "30m", "choose": "review", "option": "lift", "by": "user:tom"},
        {"at": "3h", "event": "ticket.resolved"},
        {"at": "4h", "event": "finding.rescan_clean"},
    )
]


def finding(words: dict[str, str], more: dict[str, Any]) -> FindingView:
    return FindingView.model_validate(
        {
            "id": "f-1",
            **{name: words[name] for name in WORDS},
            "labels": (words["label"],),
            "data_classification": (words["data_classification"],),
            "api": {
                "host": "api.example.com",
                "path": "/x",
                "path_template": "/x",
                "method": "GET",
                **{name: words[name] for name in API},
            },
            "actor": {name: words[name] for name in PEOPLE},
            "resource": {name: words[name] for name in RESOURCE},
            **more,
        }
    )


def run(book: str, words: dict[str, str]) -> Report:
    return simulate(BOOKS[book].plan, finding(words, CASES[book]), setting=Setting(timeline=VOTES))


def told(report: Report) -> Any:
    """All that leaves the run: effects with their parameters, questions, outputs, problems, how it ended."""
    effects = [(line.action, line.step, line.purpose, line.ok, line.params) for line in report.effects]
    asked = [asdict(line) for line in report.approvals]
    return {"effects": effects, "asked": asked, "outputs": report.outputs, "end": report.status}


def replaced(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, str):
        for harmless, hostile in words.items():
            value = value.replace(harmless, hostile)
        return value
    if isinstance(value, dict):
        return {key: replaced(item, words) for key, item in value.items()}
    return type(value)(replaced(item, words) for item in value) if isinstance(value, list | tuple) else value


HARMLESS = {name: f"qq{name.replace('_', '')}qq" for name in FIELDS}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CASES)), st.lists(st.sampled_from(HOSTILE), min_size=len(FIELDS), max_size=len(FIELDS)))
def test_every_effect_carries_the_words_as_they_are(book: str, chosen: list[str]) -> None:
    hostile = dict(zip(FIELDS, chosen, strict=True))
    report = run(book, hostile)
    shown = {HARMLESS[name]: text.replace("\x00", "\ufffd") for name, text in hostile.items()}  # CEL holds no NUL
    want = replaced(told(run(book, HARMLESS)), shown)
    assert told(report) == want
    assert TELLTALE not in json.dumps(report.as_json(), default=str)


@pytest.mark.parametrize("book", sorted(CASES))
def test_the_words_really_reach_the_effects(book: str) -> None:
    """Or the property above would hold for a run that does nothing."""
    params = json.dumps([line.params for line in run(book, HARMLESS).effects])
    reached = {"contain_attacker": "token_id", "attach_owasp_policy": ""}.get(book, "title")
    assert (HARMLESS[reached] if reached else "api.example.com") in params
    assert len(run(book, HARMLESS).effects) >= 3


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("template", sorted(shipped().names))
def test_no_text_template_evaluates_them(template: str, text: str) -> None:
    view = finding(dict.fromkeys(FIELDS, text), {"kind": "attack"})
    made = shipped().render(template, {"finding": view})
    assert TELLTALE not in str(made)
    assert "uid=" not in str(made)
