"""The documentation is complete: what the code has and people meet is listed, and what is listed exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import actions_page
import facts
import pytest
import reference_page
from pydantic import BaseModel

PAGES = [facts.ROOT / "README.md", *sorted(facts.DOCS.glob("*.md"))]
PAGES += [facts.ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md")]


def rows(page: str) -> Iterator[set[str]]:
    """The words in code form of each row's first cell."""
    for line in facts.page(page).splitlines():
        if line.startswith("|"):
            yield facts.ticked(line.split("|")[1])


def first_cells(page: str) -> set[str]:
    return set().union(*rows(page))


def test_actions() -> None:
    assert actions_page.PAGE.read_text("utf-8") == actions_page.render(), "run python tests/docs/actions_page.py"


def test_reference() -> None:
    assert reference_page.PAGE.read_text("utf-8") == reference_page.render(), "run python tests/docs/reference_page.py"


def test_error_codes() -> None:
    listed = {cell for cell in first_cells("errors.md") if re.fullmatch(r"[A-Z][0-9]{3}", cell)}
    assert facts.error_codes() - listed == set(), "missing in docs/errors.md"
    assert listed - facts.error_codes() == set(), "listed, and nowhere in the code"


def test_settings() -> None:
    listed = first_cells("configuration.md")
    assert facts.settings() - listed == set()


def test_variables() -> None:
    """Every variable that the code reads by name."""
    named = re.compile(r"\b(?:STANCH|TEMPORAL)_[A-Z][A-Z_]*[A-Z]\b")
    used = {word for path in facts.sources() for word in named.findall(path.read_text("utf-8"))}
    listed = {word for cell in first_cells("configuration.md") for word in named.findall(cell)}
    assert {word for word in used if word != "STANCH_SOURCE"} - listed == set()


def test_connector_keys() -> None:
    words = ("connectors", "identity", "mail", "api-gateway", "waf", "edge", "webhook-call")
    pages = [f"{word}.md" for word in words]
    listed = {cell for page in pages for cell in first_cells(page)}
    for kind, model in facts.connector_models().items():
        assert f"`{kind}`" in facts.page("connectors.md"), kind
        assert set(model.model_fields) - {"kind"} - listed == set(), kind


def test_routes() -> None:
    listed = {item for item in facts.ticked(facts.page("http.md")) if re.match(r"(GET|POST|PUT|PATCH|DELETE) /", item)}
    assert facts.routes() - listed == set(), "missing in docs/http.md"
    gone = {item for item in listed if "TOKEN" not in item} - facts.routes()
    assert gone == set(), "listed, and no longer there"


def test_open_routes_are_said_to_be_open() -> None:
    from stanch.web.auth import OPEN

    text = facts.page("http.md")
    for method, path in OPEN:
        if not path.startswith(("/login", "/static")):
            (line,) = [line for line in text.splitlines() if line.startswith(f"| `{method} {path}`")]
            assert "open:" in line


def test_commands_and_their_options() -> None:
    text = facts.page("cli.md")
    listed = {item.removeprefix("stanch ") for item in first_cells("cli.md")}
    for command, options in facts.commands().items():
        assert any(item == command or item.startswith(f"{command} ") for item in listed), command
        section = next(line for line in text.splitlines() if re.match(rf"\| `stanch {command}(`| )", line))
        assert {option for option in options if f"`{option}" not in section} == set(), command


def test_metrics() -> None:
    assert facts.metrics() == {item for item in first_cells("operations.md") if item.startswith("stanch_")}


def test_adapters_and_reasons() -> None:
    from stanch.sources.library import shipped
    from stanch.sources.results import Reason

    listed = first_cells("sources.md")
    assert set(shipped().names()) - listed == set()
    assert {reason.value for reason in Reason} - listed == set()


def test_words_of_adapters() -> None:
    import jmespath.functions

    from stanch.sources.adapter import AdapterFile, targets
    from stanch.sources.functions import AdapterFunctions

    text = facts.page("adapters.md")
    words = {field.alias or name for name, field in AdapterFile.model_fields.items()}
    own = set(AdapterFunctions.FUNCTION_TABLE) - set(jmespath.functions.Functions.FUNCTION_TABLE)
    assert {word for word in words if f"`{word}`" not in text} == set()
    assert {word for word in own if f"`{word}(" not in text} == set()
    assert targets() - facts.ticked(text) == set()


def test_words_of_sources() -> None:
    from stanch.intake.config import Auth, SourceConfig
    from stanch.intake.signatures import Scheme

    text = facts.page("sources.md")
    words = {*SourceConfig.model_fields, *Auth.model_fields} - {"auth"}
    assert {word for word in words if not re.search(rf"[`.]{word}`", text)} == set()
    assert {scheme.value for scheme in Scheme} - facts.ticked(text) == set()


def test_words_of_playbooks() -> None:
    from stanch.playbooks import examples, model

    ticked = facts.ticked(facts.page("playbooks.md"))
    models: list[type[BaseModel]] = [
        model.Playbook,
        model.On,
        model.Input,
        model.Step,
        model.ForeachWords,
        model.RetryWords,
    ]
    models += [model.ApproveWords, model.NeedWords, model.WaitWords, model.RenewWords, model.LimitWords]
    models += [model.StopWords, model.Concurrency, examples.Example, examples.Moment, examples.Expected]
    words = {field.alias or name for each in models for name, field in each.model_fields.items()}
    said = {word for item in ticked for word in re.findall(r"[a-z_]+", item)}
    assert words - said - {"data", "approve", "reason"} == set()


def test_words_of_routes_and_guards() -> None:
    from stanch.guards.model import GuardPolicy, Limits, NeverBlock
    from stanch.routing._model import Branch, Overlay, RoutesFile, Rule

    pages: dict[str, list[type[BaseModel]]] = {"routes.md": [RoutesFile, Rule, Branch, Overlay]}
    for page, models in (pages | {"security.md": [GuardPolicy]}).items():
        said = {word for item in facts.ticked(facts.page(page)) for word in re.findall(r"[a-z_]+", item)}
        words = {field.alias or name for model in models for name, field in model.model_fields.items()}
        assert words - said - {"version", "limits"} == set()
    said = facts.ticked(facts.page("security.md"))
    assert set(NeverBlock.model_fields) - said == set()
    assert {f"limits.{name}" for name in Limits.model_fields} - said == set()


def test_words_of_expressions() -> None:
    from stanch.views import FindingView, RouteView

    said = {word for item in facts.ticked(facts.page("expressions.md")) for word in re.findall(r"[a-z_]+", item)}
    assert {*FindingView.model_fields, *RouteView.model_fields} - said == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if target.startswith("https://"):
            continue
        there = path.parent / file if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def anchors(path: Path) -> set[str]:
    """The anchors that headings get where Markdown is shown."""
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_index_names_every_page() -> None:
    index = facts.page("README.md")
    assert [path.name for path in facts.DOCS.glob("*.md") if path.name != "README.md" and path.name not in index] == []


def test_the_code_refers_to_pages_that_exist() -> None:
    named = re.compile(r"\bdocs/([a-z]+)\b")
    used = {word for path in facts.sources() for word in named.findall(path.read_text("utf-8"))}
    assert {word for word in used if not (facts.DOCS / f"{word}.md").is_file()} == set()


def test_hints_name_commands_that_exist() -> None:
    """In the code, the shipped files and the documentation: `stanch WORD` is a command."""
    from stanch.cli.app import COMMANDS

    shipped = [*(facts.ROOT / "policy").rglob("*.yaml"), *(facts.ROOT / "playbooks").glob("*.yaml")]
    wrong = {
        f"{path.relative_to(facts.ROOT)}: stanch {word}"
        for path in [*facts.sources(), *shipped, *PAGES]
        for word in re.findall(r"`stanch ([a-z]+)", path.read_text("utf-8"))
        if word not in COMMANDS
    }
    assert wrong == set()


def test_the_table_of_places_names_files_that_exist() -> None:
    text = facts.page("architecture.md")
    named = [item for item in facts.ticked(text) if re.fullmatch(r"(stanch|workflows|activities)/[\w/*.]+", item)]
    assert [item for item in named if not list(facts.ROOT.glob(item.rstrip("/")))] == []


@pytest.mark.parametrize("page", ["decisions.md", "decisions-points.md", "limits.md"])
def test_pages_name_files_that_exist(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)`", facts.page(page))
    assert named
    assert [item for item in named if not (facts.ROOT / item).is_file()] == []


def test_the_console_is_shown() -> None:
    picture = facts.DOCS / "console.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 600_000


def test_pages_are_short() -> None:
    lists = ("errors.md", "actions.md", "reference.md")
    long = {path.name: len(path.read_text("utf-8").splitlines()) for path in PAGES}
    assert {name: lines for name, lines in long.items() if lines > 300 and name not in lists} == {}
