"""Webhook steps against the sections of settings, and tokens that are revoked without a block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stanch.cli.validate import check_files
from stanch.devices import Declared, declared
from stanch.playbooks.library import check_texts
from stanch.playbooks.loader import check_playbook

SECTION: dict[str, Any] = {
    "url": "https://{zone}.example.com",
    "parameters": {"zone": "label", "minutes": "integer"},
    "apply": {"path": "/d/{ip}", "query": {"m": {"param": "minutes"}}, "body": [{"ref": {"param": "key"}}]},
    "verify": {"path": "/d/{ip}", "keep": {"number": "number"}},
    "inverse": {"path": "/d/{number}"},
}
GOOD = "{to: fw, ip: 192.0.2.1, values: {zone: dmz, minutes: 5}}"
HEAD = (
    "version: playbook/v1\nid: p\ntitle: T\nowner: team:appsec\nmode: {mode}\n"
    "on: {{match: {{host: x.example.com}}}}\nsteps:\n"
)
BRIDGE = "{id: b, do: block.scope, with: {host: x.example.com, principal: {token_id: t}, ttl: 1h}MORE}"
SOME = ", when: finding.count > 1"
REVOKE = "{id: r, do: token.revoke, with: {token_id: t}, irreversible: Sign in againMORE}"


def book(*steps: str, mode: str = "semi") -> str:
    return HEAD.format(mode=mode) + "".join(f"  - {step}\n" for step in steps)


def found(with_: str, *, do: str = "webhook.call", devices: dict[str, Declared] | None = None) -> list[str]:
    text = book(f"{{id: s, do: {do}, with: {with_}}}")
    problems = check_texts({"p.yaml": text}, devices=devices).problems
    return [problem.message for problem in problems if problem.code == "P211"]


def test_what_a_section_declares_is_read_from_it() -> None:
    every = frozenset({"zone", "ip", "minutes"})
    fits = Declared(parameters=frozenset({"zone", "minutes"}), needed=every, sent=every, inverse=True)
    assert declared({"fw": SECTION, "odd": {"apply": "nothing", "parameters": 5}}) == {"fw": fits, "odd": Declared()}


@pytest.mark.parametrize(
    ("with_", "said"),
    [
        (GOOD, []),
        (GOOD.replace("fw", '"${{ finding.id }}"'), []),
        (GOOD.replace("dmz", '"${{ finding.id }}"'), []),
        (GOOD.replace("fw", "fx"), ["settings have no section [webhooks.fx]"]),
        (GOOD.replace("minutes: 5", "minute: 5"), ["fw declares no parameter 'minute'", "need 'minutes'"]),
        (GOOD.replace("ip: 192.0.2.1, ", ""), ["need 'ip'"]),
        (GOOD.replace("{to", "{user_id: m, host: x.example.com, to"), ["never sends 'host'", "never sends 'user_id'"]),
        (GOOD.replace("{to", '{user_id: "${{ finding.id }}", to'), ["never sends 'user_id'"]),
        (GOOD.replace("{to", "{user_id: '', to"), []),
        ("{to: fw, ip: 192.0.2.1}", ["need 'minutes'", "need 'zone'"]),
    ],
)
def test_each_step_must_fit_its_section(with_: str, said: list[str]) -> None:
    messages = found(with_, devices=declared({"fw": SECTION}))
    assert len(messages) == len(said)
    assert all(part in message for part, message in zip(said, messages, strict=True))
    assert found(with_) == []  # without settings nothing is known


def test_what_cannot_be_taken_back_needs_the_verb_that_says_so() -> None:
    devices = declared({"fw": {name: part for name, part in SECTION.items() if name != "inverse"}})
    assert found(GOOD, devices=devices) == ["fw declares no inverse, so this cannot be taken back"]
    assert found(GOOD, do="webhook.once", devices=devices) == []


def test_validate_takes_the_settings_it_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stanch.toml").write_text('[webhooks.other]\nkind = "webhook"\n', "utf-8")
    file = tmp_path / "p.yaml"
    file.write_text(book(f"{{id: s, do: webhook.call, with: {GOOD}}}"), "utf-8")
    monkeypatch.setenv("STANCH_CONFIG", str(tmp_path / "stanch.toml"))
    (problem,) = [problem for problem in check_files([file]) if problem.code == "P211"]
    assert (problem.line, problem.severity, bool(problem.hint)) == (8, "error", True)


@pytest.mark.parametrize(
    ("steps", "bridged"),
    [
        ((REVOKE,), False),
        ((BRIDGE, REVOKE), True),
        ((REVOKE, BRIDGE), False),
        ((BRIDGE.replace("MORE", SOME), REVOKE), False),
        ((BRIDGE.replace("MORE", SOME), REVOKE.replace("MORE", ", when: steps.b.ok")), True),
        (
            (BRIDGE.replace("MORE", SOME), REVOKE.replace("MORE", SOME)),
            True,
        ),
        ((BRIDGE.replace("token_id: t", "token_id: u"), REVOKE), False),
        ((BRIDGE.replace("token_id: t", "token_id: t, user_id: m"), REVOKE), False),
        ((BRIDGE.replace("ttl", "path: /x, ttl"), REVOKE), False),
        ((BRIDGE.replace("block.scope", "block.count"), REVOKE), False),
        ((f"{{id: both, parallel: [{BRIDGE}, {REVOKE}]}}",), False),
        ((f"{{id: first, parallel: [{BRIDGE}]}}", REVOKE), True),
        ((f"{{id: first, parallel: [{BRIDGE}], on_failure: continue}}", REVOKE), False),
        ((BRIDGE.replace("MORE", ", on_failure: continue"), REVOKE), False),
        (
            (
                BRIDGE.replace("MORE", ", on_failure: continue"),
                REVOKE.replace("MORE", ", when: steps.b.ok"),
            ),
            True,
        ),
        ((BRIDGE.replace("MORE", ", on_failure: {do: [{id: n, do: chat.post, with: {text: x}}]}"), REVOKE), True),
        ((f"{{id: c, choose: [{{when: finding.count > 1, steps: [{BRIDGE}]}}, {{otherwise: [{REVOKE}]}}]}}",), False),
    ],
)
@pytest.mark.parametrize(("mode", "severity"), [("auto", "error"), ("semi", "warning")])
def test_a_token_is_blocked_before_it_is_revoked(
    steps: tuple[str, ...], bridged: bool, mode: str, severity: str
) -> None:
    problems = check_playbook(book(*(step.replace("MORE", "") for step in steps), mode=mode)).problems
    said = [problem for problem in problems if problem.code == "P212"]
    assert [problem.severity for problem in said] == ([] if bridged else [severity])
    assert all(problem.line and problem.hint for problem in said)
