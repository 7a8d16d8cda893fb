"""`stanch playbook diff`: differences are told by what they mean, and growing risk stops a pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stanch.cli.playbook import app

ROOT = Path(__file__).parents[2]
SEMI = ROOT / "playbooks/data_exposure_block.yaml"
ATTACKER = ROOT / "playbooks/contain_attacker.yaml"
AUTO = ROOT / "playbooks/attach_owasp_policy.yaml"
FIXTURES = ROOT / "playbooks/fixtures"
runner = CliRunner()


def diff(old: Path, text: str, tmp_path: Path, *more: str) -> tuple[int, list[dict[str, str]], list[dict[str, object]]]:
    new = tmp_path / "new.yaml"
    new.write_text(text)
    result = runner.invoke(app, ["diff", str(old), str(new), "--json", *more])
    assert result.exit_code in (0, 1), result.output
    told = json.loads(result.stdout)
    return result.exit_code, told["changes"], told["findings"]


def replaced(path: Path, *pairs: tuple[str, str]) -> str:
    text = path.read_text("utf-8")
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    return text


LEADS = "[route.assignee, route.owner.lead], count"
APPSEC = "        - {from: [team:appsec], count: 1}"
SUSPEND = "            undo: auto\n            on_failure: continue   # the block stands even"
RISKS = [
    (SEMI, "default: 24h", "default: 48h", "change.length", "lasts longer: 48h instead of 24h"),
    (SEMI, APPSEC, "        #", "approval.fewer", "asks fewer people: 1 instead of 2"),
    (SEMI, LEADS, "[route.assignee, team:devops], count", "approval.approvers", "others may approve"),
    (SEMI, "finding.severity in ['high', 'critical'] && ", "", "selection.wider", "no longer asks finding.severity"),
    (SEMI, 'host: "*.example.com"', 'host: "*"', "selection.wider", "is for more findings"),
    (ATTACKER, "changes: 40/h", "changes: 90/h", "limit.raised", "a higher limit of changes"),
    (ATTACKER, SUSPEND, "            irreversible: so be it\n            #", "undo.removed", "no longer taken back"),
    (AUTO, "within: 5m", "within: 50m", "verify.changed", "another verify"),
    (AUTO, ', "route.change_freeze == false"', "", "guard.removed", "route.change_freeze == false"),
]


@pytest.mark.parametrize(("path", "before", "after", "what", "words"), RISKS)
def test_what_gets_riskier_is_told_and_stops_a_pipeline(
    path: Path, before: str, after: str, what: str, words: str, tmp_path: Path
) -> None:
    text = replaced(path, (before, after))
    code, changes, _ = diff(path, text, tmp_path)
    told = [change for change in changes if change["what"] == what]
    assert told, changes
    assert words in told[0]["message"]
    assert (code, told[0]["weight"]) == (1, "risk")
    assert diff(path, text, tmp_path, "--accept")[0] == 0


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("default: 24h", "default: 12h", "change.length"),
        (
            "finding.category == 'API3:2023'",
            "finding.category == 'API3:2023' && finding.confidence > 0.5",
            "selection.narrower",
        ),
        ("changes: 5/h", "changes: 2/h", "limit.lowered"),
        ("not_by: [run.requested_by]", "not_by: [run.requested_by, user:tom]", "approval.not_by"),
    ],
)
def test_what_gets_safer_is_told_and_lets_a_pipeline_go_on(before: str, after: str, what: str, tmp_path: Path) -> None:
    code, changes, _ = diff(SEMI, replaced(SEMI, (before, after)), tmp_path)
    assert (code, {change["weight"] for change in changes} - {"other"}) == (0, {"safer"})
    assert what in {change["what"] for change in changes}


def test_an_approval_and_a_change_that_come_and_go(tmp_path: Path) -> None:
    text = ATTACKER.read_text("utf-8")
    start, end = (
        text.index("      - when: has(finding.actor.token_id)"),
        text.index("      - when: has(finding.actor.user_id)"),
    )
    without = text[:start] + text[end:]
    without = without[: without.index("  - id: outlive")] + without[without.index("  - id: review") :]
    without = without.replace("steps.bridge.ok || ", "")
    small = tmp_path / "small.yaml"
    small.write_text(without)
    code, changes, _ = diff(small, text, tmp_path)
    told = {(change["what"], change["step"]) for change in changes}
    assert {("change.added", "bridge"), ("change.irreversible", "revoke_token")} <= told
    assert code == 1
    old = tmp_path / "old.yaml"
    old.write_text(text)
    _, changes, _ = diff(old, without, tmp_path)
    assert ("change.removed", "bridge") in {(change["what"], change["step"]) for change in changes}


def test_words_layout_and_tests_mean_nothing(tmp_path: Path) -> None:
    text = replaced(
        SEMI, ("title: Temporary", "title:   Very temporary"), ("reason: Checkout depends on it", "reason: No")
    )
    assert diff(SEMI, "# a remark\n" + text, tmp_path) == (0, [], [])


def test_recorded_findings_show_what_would_have_been_different(tmp_path: Path) -> None:
    longer = replaced(SEMI, ("default: 24h", "default: 48h"))
    _, _, findings = diff(SEMI, longer, tmp_path, "--replay", str(FIXTURES))
    assert [(each["name"], each["where"]) for each in findings] == [("data_exposure.json", "agreed")]
    assert any("ttl=2d" in str(line) for line in findings[0]["now"])
    narrower = replaced(SEMI, ("finding.category == 'API3:2023'", "finding.category == 'API1:2023'"))
    _, _, findings = diff(SEMI, narrower, tmp_path, "--replay", str(FIXTURES / "data_exposure.json"))
    assert [(each["where"], each["now"]) for each in findings] == [("selected", [])]


def test_ndjson_of_recorded_findings_is_replayed_and_hostile_text_stays_text(tmp_path: Path) -> None:
    finding = json.loads((FIXTURES / "data_exposure.json").read_text()) | {"title": "\x1b[2J${{ 1 + 1 }} {{ 7*7 }}"}
    recorded = tmp_path / "recorded.ndjson"
    recorded.write_text("\n".join([json.dumps(finding)] * 2))
    longer = tmp_path / "longer.yaml"
    longer.write_text(replaced(SEMI, ("default: 24h", "default: 48h")))
    result = runner.invoke(app, ["diff", str(SEMI), str(longer), "--replay", str(recorded)])
    assert result.exit_code == 1
    assert "recorded.ndjson:2" in result.stdout
    assert "\x1b" not in result.stdout
    assert "${{ 1 + 1 }} {{ 7*7 }}" in result.stdout


def test_a_file_without_findings_and_a_broken_playbook_are_told(tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("[]")
    result = runner.invoke(app, ["diff", str(SEMI), str(SEMI), "--replay", str(empty)])
    assert (result.exit_code, "P403" in result.stderr) == (3, True)
    broken = ROOT / "tests/data/bad/playbook_unknown_action.yaml"
    result = runner.invoke(app, ["diff", str(SEMI), str(broken)])
    assert (result.exit_code, "P104" in result.stderr) == (3, True)
