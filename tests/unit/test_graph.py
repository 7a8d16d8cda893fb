"""Pictures of playbooks: complete, well formed, and deaf to whatever the texts say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from defusedxml import ElementTree
from typer.testing import CliRunner

from stanch.cli.playbook import app
from stanch.graph import dot_of, graph_of, mermaid_of, svg_of
from stanch.plan import Plan
from stanch.playbooks import compile_plan, load_playbook

ROOT = Path(__file__).parents[2]
BOOKS = [*sorted((ROOT / "playbooks").glob("*.yaml")), *sorted((ROOT / "tests/data/playbooks").glob("*.yaml"))]
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a"]; <script>alert(1)</script> --> `x` #quot; \\" %%{init}%% \u202e end & ]]>'
runner = CliRunner()


def plan_of(path: Path) -> Plan:
    return compile_plan(load_playbook(path.read_text("utf-8"), str(path)))


def hostile() -> Plan:
    plan = plan_of(ROOT / "playbooks/contain_attacker.yaml")
    steps = tuple(step.model_copy(update={"when": HOSTILE}) for step in plan.steps)
    return plan.model_copy(update={"title": HOSTILE, "owner": HOSTILE, "steps": steps})


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_every_step_is_in_the_picture_and_can_be_reached(path: Path) -> None:
    plan = plan_of(path)
    graph = graph_of(plan)
    assert [node.id for node in graph.nodes[1:-1]] == list(plan.walk())
    reached, following = {":start"}, {":start"}
    while following:
        following = {edge.target for edge in graph.edges if edge.source in following} - reached
        reached |= following
    assert reached == {node.id for node in graph.nodes}
    texts = [element.text for element in ElementTree.fromstring(svg_of(plan)).iter(f"{SVG}text")]
    assert set(plan.walk()) <= set(texts)


def test_approvals_are_gates_and_effects_are_told_in_words_too() -> None:
    plan = plan_of(ROOT / "playbooks/contain_attacker.yaml")
    svg = svg_of(plan)
    assert svg.count(">GATE<") == sum(step.approve is not None for step in plan.walk().values())
    assert svg.count(">CHANGE<") >= 4
    assert svg.count(">IRREVERSIBLE<") == 1
    mermaid = mermaid_of(graph_of(plan))
    assert "GATE: ok_to_block" in mermaid
    assert re.search(r'-\.->\|"otherwise"\|', mermaid)


def test_nothing_in_an_svg_is_fetched_run_or_taken_for_markup() -> None:
    svg = svg_of(hostile())
    names = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert names <= {"svg", "title", "desc", "rect", "text", "polygon", "line"}
    assert not re.search(r"\s(href|style|on\w+)=", re.sub(r">[^<]*<", "><", svg))
    assert "\u202e" not in svg


def test_no_text_leaves_its_quotes_in_mermaid_and_dot() -> None:
    graph = graph_of(hostile())
    for line in mermaid_of(graph).splitlines():
        inside = re.findall(r'"([^"]*)"', line)
        assert line.count('"') == 2 * len(inside) <= 2
        assert not any(re.search(r"<(?!br/>)|`|\\|%", text) for text in inside)
    for line in dot_of(graph).splitlines():
        assert re.sub(r'"(?:[^"\\]|\\.)*"', "", line).count('"') == 0
        assert "<script" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", line)


def test_the_command_draws_every_form(tmp_path: Path) -> None:
    path = str(ROOT / "playbooks/triage.yaml")
    for form, start in (("svg", "<svg "), ("mermaid", "flowchart TD"), ("dot", "digraph")):
        drawn = runner.invoke(app, ["graph", path, "--format", form])
        assert (drawn.exit_code, drawn.stdout.startswith(start)) == (0, True)
    assert json.loads(runner.invoke(app, ["graph", path, "--json"]).stdout)["playbook"] == "triage"
    target = tmp_path / "triage.svg"
    assert runner.invoke(app, ["graph", path, "--out", str(target)]).exit_code == 0
    assert ElementTree.parse(target).getroot().tag == f"{SVG}svg"


def test_a_broken_playbook_is_told_and_not_drawn() -> None:
    path = ROOT / "tests/data/bad/playbook_unknown_action.yaml"
    result = runner.invoke(app, ["graph", str(path)])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "P104" in result.stderr


def test_the_steps_of_a_called_playbook_are_drawn_and_exported(tmp_path: Path) -> None:
    note = "{id: note, do: chat.message, with: {to: team:a, template: finding}}"
    last = "{id: bye, do: chat.message, with: {to: team:a, template: finding}}"
    head = "version: playbook/v1\ntitle: A\nmode: manual\nowner: team:a\n"
    (tmp_path / "inner.yaml").write_text(f"{head}id: inner\non: {{role: called}}\nsteps: [{note}]\nfinally: [{last}]\n")
    (tmp_path / "outer.yaml").write_text(f"{head}id: outer\nsteps: [{{id: call, playbook: inner}}]\n")
    path = str(tmp_path / "outer.yaml")
    nodes = json.loads(runner.invoke(app, ["graph", path, "--json"]).stdout)["nodes"]
    drawn = runner.invoke(app, ["graph", path])
    exported = runner.invoke(app, ["export", path])
    inner = [node["id"] for node in nodes if node["id"] not in (":start", ":end", "call")]
    assert len(inner) == 2
    for name in inner:
        assert f">{name}<" in drawn.stdout
        assert f'"name": "{name}"' in exported.stdout
