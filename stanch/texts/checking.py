"""What a text template may not do, found before it is used: its form, the fields it names, what it includes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from jinja2 import DictLoader, TemplateSyntaxError, nodes

from stanch.errors import Problem
from stanch.sinks.text import one_line
from stanch.texts.fields import unknown_fields
from stanch.texts.rendering import FILTERS, TESTS, environment
from stanch.texts.variants import base_of, variant_problem

SUFFIX = ".j2"
_REFUSED = (
    *(nodes.Call, nodes.CallBlock, nodes.Macro, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block),
    *(nodes.Mul, nodes.Pow, nodes.Mod, nodes.Filter, nodes.Test, nodes.Include),
)


def problems_of_all(sources: Mapping[str, str], *, only: Iterable[str] | None = None) -> list[Problem]:
    """Problems of templates by name, as one set; `file` is the template's name with its suffix."""
    wanted = set(sources if only is None else only)
    found: list[Problem] = []
    trees: dict[str, nodes.Template] = {}
    for name, source in sorted(sources.items()):
        tree, problems = _parsed(name, source)
        if tree is not None:
            trees[name] = tree
        if name in wanted:
            found += problems
    for name in sorted(wanted & trees.keys()):
        found += _of_tree(name, trees[name], sources=sources)
        found += _circles(name, trees)
    return sorted(dict.fromkeys(found), key=lambda problem: (problem.file, problem.line))


def _parsed(name: str, source: str) -> tuple[nodes.Template | None, list[Problem]]:
    file = name + SUFFIX
    try:
        return environment(DictLoader({})).parse(source, file), []
    except TemplateSyntaxError as error:
        return None, [Problem("X001", f"template: {one_line(str(error.message))}", file=file, line=error.lineno)]
    except RecursionError:
        return None, [Problem("X001", "template: it is nested too deep", file=file, line=1)]


def _of_tree(name: str, tree: nodes.Template, *, sources: Mapping[str, str]) -> Iterator[Problem]:
    file = name + SUFFIX
    for node in tree.find_all(_REFUSED):
        if isinstance(node, nodes.Include):
            if (why := _why_not_included(node, sources)) != "":
                yield Problem("X005", why, file=file, line=node.lineno)
        elif (why := _why(node)) != "":
            yield Problem("X002", why, file=file, line=node.lineno)
    for field in unknown_fields(tree):
        hint = f"did you mean {field.near}?" if field.near else "see the list of fields in docs/texts.md"
        yield Problem("X006", f"there is no field {field.name!r}", file=file, line=field.line, hint=hint)
    if (why := variant_problem(name, sources)) != "":
        yield Problem("X007", why, file=file, line=1)


def _why(node: nodes.Node) -> str:
    if isinstance(node, nodes.Filter):
        return "" if node.name in FILTERS else f"unknown filter {node.name!r}; known: {', '.join(FILTERS)}"
    if isinstance(node, nodes.Test):
        return "" if node.name in TESTS else f"unknown test {node.name!r}; known: {', '.join(TESTS)}"
    return "a text may use fields, if, for and include; nothing is called, computed or imported"


def _why_not_included(node: nodes.Include, sources: Mapping[str, str]) -> str:
    target = _target(node)
    if not target:
        return "an include names its template in quotes; data never chooses it"
    if target in sources:
        return ""
    near = difflib.get_close_matches(target, sources, n=1)
    return f"there is no template {target + SUFFIX!r}" + (f"; did you mean {near[0] + SUFFIX!r}?" if near else "")


def _target(node: nodes.Include) -> str:
    """The name it includes; empty where that is not written out."""
    value = node.template.value if isinstance(node.template, nodes.Const) else None
    return value.removesuffix(SUFFIX) if isinstance(value, str) and value.endswith(SUFFIX) else ""


def _circles(name: str, trees: Mapping[str, nodes.Template]) -> Iterator[Problem]:
    """Includes of a template that lead back to it; a variant stands in the place of its base."""
    for node in trees[name].find_all(nodes.Include):
        if base_of(name) in _reached(_target(node), trees):
            message = f"including {_target(node) + SUFFIX!r} leads back to this template"
            yield Problem("X005", message, file=name + SUFFIX, line=node.lineno)


def _reached(start: str, trees: Mapping[str, nodes.Template]) -> set[str]:
    seen: set[str] = set()
    queue = [base_of(start)]
    while queue:
        base = queue.pop()
        if base not in seen:
            seen.add(base)
            same = (tree for name, tree in trees.items() if base_of(name) == base)
            queue += [base_of(_target(node)) for tree in same for node in tree.find_all(nodes.Include)]
    return seen
