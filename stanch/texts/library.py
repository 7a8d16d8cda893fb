"""The set of templates in use: the shipped ones, replaced one by one from a folder of the deployment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import DictLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stanch.canonical import digest
from stanch.errors import ConfigError
from stanch.texts.checking import SUFFIX, problems_of_all
from stanch.texts.context import complete
from stanch.texts.rendering import Text, environment, fill
from stanch.texts.variants import base_of, chosen, qualifiers_of

FALLBACK = "finding"


class Texts:
    """Immutable templates by name; `sources` and `digest` let a run pin the words it started with.

    `NAME.API1` and `NAME.attack` are variants for a category or a kind of finding, and stand in for NAME.

    Raises:
        ConfigError: a template does not parse, or does more than fill in fields.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = MappingProxyType(dict(sources))
        self._environments: dict[tuple[str, ...], ImmutableSandboxedEnvironment] = {}
        problems = problems_of_all(self.sources)
        if problems:
            raise ConfigError(f"{len(problems)} problems in text templates", problems=problems, code=problems[0].code)

    @property
    def names(self) -> tuple[str, ...]:
        """Templates that a playbook may name; those with a leading underscore are parts of others."""
        return tuple(sorted(name for name in self.sources if not name.startswith("_") and name == base_of(name)))

    @cached_property
    def digest(self) -> str:
        return digest(dict(self.sources))

    @cached_property
    def _variants(self) -> frozenset[str]:
        return frozenset(name.partition(".")[2] for name in self.sources if "." in name)

    def _environment(self, *, category: str, kind: str) -> ImmutableSandboxedEnvironment:
        """One for all findings that the same variants count for, so that each template is compiled once for them."""
        key = tuple(name for name in qualifiers_of(category, kind) if name in self._variants)
        if key not in self._environments:
            sources = {name + SUFFIX: source for name, source in chosen(self.sources, key).items()}
            self._environments[key] = environment(DictLoader(sources))
        return self._environments[key]

    def render(self, template: str, context: Mapping[str, Any]) -> Text:
        """Fill a template; fields that the context leaves out are empty (`stanch.texts.context`).

        Raises:
            ConfigError: there is no such template, or it asks for a field that no context has.
        """
        if template not in self.names:
            known = ", ".join(self.names)
            raise ConfigError(f"there is no text template {template!r}", code="X004", hint=f"known: {known}")
        whole = complete(context)
        finding = whole["finding"]
        return fill(self._environment(category=finding["category"], kind=finding["kind"]), template, whole)


@cache
def shipped() -> Texts:
    """The templates that come with Stanch."""
    folder = resources.files("stanch.texts") / "templates"
    return Texts(
        {
            item.name.removesuffix(SUFFIX): item.read_text("utf-8")
            for item in folder.iterdir()
            if item.name.endswith(SUFFIX)
        }
    )


def load_texts(folder: Path | None = None) -> Texts:
    """The shipped templates with those of `folder` in place of or beside them.

    Raises:
        ConfigError: a template of the folder is not usable; all problems at once.
    """
    if folder is None or not folder.is_dir():
        return shipped()
    own = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob(f"[!.]*{SUFFIX}"))}
    return Texts({**shipped().sources, **own})
