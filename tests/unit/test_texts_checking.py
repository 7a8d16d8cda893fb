"""Templates are judged when they are loaded: fields, includes, names of variants, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanch.cli.validate import check_files
from stanch.errors import ConfigError
from stanch.texts import Texts, load_texts, render, shipped
from stanch.texts.checking import problems_of_all
from stanch.texts.variants import QUALIFIERS


def codes(source: str, name: str = "own", **others: str) -> list[tuple[str, int]]:
    sources = {**shipped().sources, **others, name: source}
    return [(problem.code, problem.line) for problem in problems_of_all(sources, only=[name])]


def test_shipped_templates_have_no_problem() -> None:
    assert problems_of_all(shipped().sources) == []


@pytest.mark.parametrize(
    "source",
    [
        "{{ titel }}",
        "{{ finding.api.hots }}",
        "{{ finding['titel'] }}",
        "{{ finding.title.x }}",
        "{{ finding.labels.x }}",
        "{% for item in linked %}{{ item.titel }}{% endfor %}",
        "{% for item in linked[0].evidence %}{{ item.x }}{% endfor %}",
        "{% for item in linked %}{{ loop.indx }}{% endfor %}",
        "{% for item in linked %}{% endfor %}{{ item }}",
        "{{ loop.index }}",
        "{% for letter in finding.title %}{% endfor %}",
        "{% if x %}{% endif %}",
        "{% set of = finding.api %}{{ of.titel }}",
        "{% with a = case %}{{ a.titel }}{% endwith %}",
        "{{ (finding.api or case).titel }}",
        "{{ finding.titel | quote }}",
        "{{ 'x' if finding.titel else '' }}",
        "{{ finding.titel ~ 'x' }}",
        "{{ finding.__class__ }}",
        "{{ plan.checks[0].x }}",
    ],
)
def test_a_field_that_no_context_has_is_refused_at_its_line(source: str) -> None:
    assert codes("Title\n\n" + source) == [("X006", 3)]


@pytest.mark.parametrize(
    "source",
    [
        "{% for item in linked %}{{ loop.index }}{% for x in item.evidence %}{{ x }}{% endfor %}{% endfor %}",
        "{% for name, value in approval.params %}{{ name }}{{ value }}{% else %}-{% endfor %}",
        "{% for after, whom in route.escalation %}{{ after }}{% for one in whom %}{{ one }}{% endfor %}{% endfor %}",
        "{% if of_tomorrow is defined %}x{% endif %}",
        "{% set here = finding.api %}{{ here.host }}",
        "{{ finding.actor.ip or 'none' }}{{ evidence[0].excerpt | quote }}{{ finding.labels[0] }}",
        "{{ finding.confidence | percent }}{{ finding.severity == 'high' and finding.count > 1 }}",
        '{% include "_what.j2" %}',
        "{% set line %}{{ finding.title }}{% endset %}{{ line }}",
        "{% filter quote %}{{ finding.description }}{% endfilter %}",
    ],
)
def test_what_is_right_is_taken(source: str) -> None:
    assert codes("Title\n" + source) == []


@pytest.mark.parametrize(
    "source",
    [
        "{% include finding.title %}",
        "{% include '_no.j2' %}",
        "{% include '_no.j2' ignore missing %}",
        "{% include ['_no.j2', '_what.j2'] %}",
        "{% include 'finding' %}",
        "{% include 'own.j2' %}",
        "{% include '_ring.j2' %}",
    ],
)
def test_an_include_is_written_out_and_leads_nowhere_else(source: str) -> None:
    assert codes("Title\n" + source, _ring="{% include 'own.j2' %}") == [("X005", 2)]


@pytest.mark.parametrize(
    "source",
    [
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'x' * 999999999 }}",
        "{{ '%999999999d' % 1 }}",
        '{% extends "finding.j2" %}',
        "{% block x %}{% endblock %}",
    ],
)
def test_nothing_is_computed_or_inherited(source: str) -> None:
    assert {code for code, _ in codes("Title\n" + source)} == {"X002"}


def test_what_is_nested_too_deep_is_a_problem_and_no_crash() -> None:
    assert [code for code, _ in codes("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}")] == ["X001"]


@pytest.mark.parametrize("name", ["_fix.API11", "_fix.api1", "_fix.", "_fix.API1.attack", "mine.API1"])
def test_a_variant_is_of_something_for_something(name: str) -> None:
    assert codes("Title", name=name) == [("X007", 1)]


@pytest.mark.parametrize("qualifier", QUALIFIERS)
def test_a_variant_is_used_for_its_findings_and_for_no_others(qualifier: str, tmp_path: Path) -> None:
    (tmp_path / f"_why.{qualifier}.j2").write_text("Ours\n")
    texts = load_texts(tmp_path)
    for other in QUALIFIERS:
        is_category = other.startswith("API")
        finding = {"category": f"{other}:2023"} if is_category else {"kind": other}
        # a finding is a weakness unless it says otherwise
        expected = other == qualifier or (qualifier == "weakness" and is_category)
        assert ("\nOurs\n" in texts.render("finding", {"finding": finding}).body) is expected
    assert texts.names == shipped().names
    assert texts.digest != shipped().digest


def test_a_category_goes_before_a_kind(tmp_path: Path) -> None:
    (tmp_path / "finding.API1.j2").write_text("Category\n")
    (tmp_path / "finding.attack.j2").write_text("Kind\n")
    finding = {"category": "API1:2023", "kind": "attack"}
    assert load_texts(tmp_path).render("finding", {"finding": finding}).title == "Category"


def test_a_variant_cannot_be_named_by_a_playbook(tmp_path: Path) -> None:
    (tmp_path / "finding.API1.j2").write_text("Category\n")
    with pytest.raises(ConfigError) as caught:
        load_texts(tmp_path).render("finding.API1", {})
    assert caught.value.code == "X004"


def test_a_circle_through_a_variant_is_found() -> None:
    with pytest.raises(ConfigError) as caught:
        Texts({**shipped().sources, "_why.API1": '{% include "_what.j2" %}', "_what": '{% include "_why.j2" %}'})
    assert {problem.code for problem in caught.value.problems} == {"X005"}


def test_validate_tells_file_line_and_what_may_be_meant(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "_shared.j2").write_text("{{ finding.title }}\n")
    (folder / "finding.API1.j2").write_text('Title\n{% include "_shared.j2" %}\n{{ finding.titel }}\n')
    found = [(each.code, each.file, each.line, each.hint) for each in check_files(sorted(folder.iterdir()))]
    assert found == [("X006", str(folder / "finding.API1.j2"), 3, "did you mean finding.title?")]


@pytest.mark.parametrize("source", ["{{ finding.title < 3 }}", "{{ finding.title - 1 }}", "{{ 1 / 0 }}"])
def test_what_fails_only_when_filled_has_a_code(source: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Texts({"own": f"Title\n{source}"}).render("own", {"finding": {"title": "x"}})
    assert caught.value.code == "X003"


def test_words_that_are_no_number_are_no_percentage() -> None:
    assert Texts({"own": "{{ finding.title | percent }}"}).render("own", {"finding": {"title": "x"}}).title == "x"


def test_a_long_body_says_that_it_was_cut() -> None:
    links = [{"case_id": f"c-{number}", "title": "t" * 400} for number in range(100)]
    body = render("finding", {"linked": links}).body
    assert len(body) <= 20_000
    assert body.endswith("[cut here; the whole text is in the case]")


def test_a_broken_file_beside_it_does_not_stop_the_judging_of_a_template(tmp_path: Path) -> None:
    (tmp_path / "bad.j2").write_bytes(b"\xff\xfe{{")
    (tmp_path / "folder.j2").mkdir()
    (tmp_path / "own.j2").write_text("{{ finding.titel }}\n")
    found = check_files([tmp_path / "own.j2", tmp_path / "bad.j2"])
    assert [(each.code, Path(each.file).name) for each in found] == [("P001", "bad.j2"), ("X006", "own.j2")]


def test_validate_too_knows_that_a_playbook_cannot_name_a_variant(tmp_path: Path) -> None:
    book = (Path(__file__).parents[2] / "playbooks" / "triage.yaml").read_text("utf-8").partition("tests:")[0]
    (tmp_path / "own.yaml").write_text(book.replace("template: finding", "template: finding.API1"), "utf-8")
    (tmp_path / "finding.API1.j2").write_text("Title\n")
    assert check_files(sorted(tmp_path.iterdir())) != []
    (tmp_path / "own.yaml").write_text(book, "utf-8")
    assert [each for each in check_files(sorted(tmp_path.iterdir())) if each.severity == "error"] == []
