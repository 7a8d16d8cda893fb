"""The templates on the page are taken, change what they say they change, and all fields and templates are listed."""

from __future__ import annotations

import re
from pathlib import Path

import facts
import pytest

from stanch.texts import Texts, load_texts, shipped
from stanch.texts.fields import field_names

PAGE = facts.page("texts.md")
FILES = re.findall(r"```jinja\n\{# policy/texts/(\S+) #\}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def own(tmp_path: Path) -> Texts:
    for name, text in FILES:
        (tmp_path / name).write_text(text, "utf-8")
    return load_texts(tmp_path)


def test_the_files_on_the_page_count_for_their_category_and_kind_only(own: Texts) -> None:
    assert {name for name, _ in FILES} == {"_fix.API1.j2", "_who.attack.j2"}
    first = {"category": "API1:2023", "api": {"path_template": "/orders/{id}"}}
    assert "wherever /orders/{id} loads an object" in own.render("finding", {"finding": first}).body
    assert "extension 4711" not in own.render("finding", {"finding": first}).body
    both = own.render("attack", {"finding": {**first, "kind": "attack"}}).body
    assert "extension 4711" in both
    assert "load_owned" in both
    second = {"finding": {"category": "API2:2023"}}
    assert own.render("finding", second) == shipped().render("finding", second)


def test_every_template_and_field_is_listed() -> None:
    words = facts.ticked(PAGE)
    assert {name.partition(".")[0] for name in shipped().sources} - words == set()
    groups = {re.split(r"[.\[]", name)[0] for name in field_names()}
    assert {group for group in groups if not {group, f"{group}."} & words} == set()
    ours = (name.replace("[]", "") for name in field_names() if not name.startswith(("finding.", "route.")))
    assert {name for name in ours if name.rpartition(".")[2] not in words} == set()


def test_the_mistakes_on_the_page_have_the_codes_it_says() -> None:
    rows = re.findall(r"^\| `(\{[{%].*?[}%]\})`.*\| `(X00\d)`", PAGE, flags=re.MULTILINE)
    assert len(rows) == 3
    for source, code in rows:
        with pytest.raises(Exception, match="text templates") as caught:
            Texts({**shipped().sources, "own": source})
        assert getattr(caught.value, "code", "") == code
