"""Writes docs/reference.md from the models: every key, action, field, function and code of playbooks and rules."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from actions_page import _shown, _type
from key_words import MEANING
from pydantic import BaseModel

from stanch.catalog import ActionSpec, Effect, catalog
from stanch.expressions import Schema, check, evaluate
from stanch.expressions._specs import Field, ListOf, MapOf, Record, Simple, Spec
from stanch.playbooks import examples, model, words
from stanch.playbooks.types import schema_for

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "reference.md"
_HEAD = """# Reference

Every word of a playbook, every name and function of an expression, every action and every code, in one page that
`tests/docs/reference_page.py` writes from the models that load the files; a test fails when they differ. What the words
are for is told in [playbooks.md](playbooks.md), [expressions.md](expressions.md) and [routes.md](routes.md).
"""
_KEYS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The file", model.Playbook),
    ("`on`", model.On),
    ("`inputs.NAME`", model.Input),
    ("`concurrency`", model.Concurrency),
    ("`limits`", model.LimitWords),
    ("A step", model.Step),
    ("`approve`", model.ApproveWords),
    ("`approve.need[]`", model.NeedWords),
    ("`approve.escalate[]`", model.EscalateWords),
    ("`wait`", model.WaitWords),
    ("`wait.for[]`", model.AwaitedWords),
    ("`wait.remind`", model.RemindWords),
    ("`choose[]`", model.ChoiceWords),
    ("`stop`", model.StopWords),
    ("`foreach`", model.ForeachWords),
    ("`retry`", model.RetryWords),
    ("`on_failure`", model.FailureWords),
    ("`verify`", model.VerifyWords),
    ("`undo`", model.UndoWords),
    ("`renew`", model.RenewWords),
    ("`tests[]`", examples.Example),
    ("`tests[].timeline[]`", examples.Moment),
    ("`tests[].timeline[].check`", examples.CheckWords),
    ("`tests[].expect`", examples.Expected),
)
_SMALL: tuple[tuple[Any, str], ...] = (
    (words.Span, "duration"),
    (words.OpenSpan, "duration or `${{ }}`"),
    (words.Rate, "rate such as `10/h`"),
)
_SHOWN: tuple[tuple[str, str], ...] = (
    ("equal, not, and, or", "finding.severity == 'high' && !finding.is_test || false"),
    ("compare", "finding.count >= 20"),
    ("if else", "has(finding.actor.ip) ? finding.actor.ip : 'unknown'"),
    ("arithmetic", "(finding.count + 2) * 3 - 1 / 1 % 7"),
    ("join texts", "finding.api.method + ' ' + finding.api.path"),
    ("one of", "finding.severity in ['high', 'critical']"),
    ("item of a list", "finding.labels[0]"),
    ("`has(x)`", "has(finding.actor.user_id)"),
    ("`size(x)`", "size(finding.labels) + finding.title.size()"),
    ("`.contains(text)`", "finding.title.contains('orders')"),
    ("`.startsWith(text)`", "finding.api.path.startsWith('/orders')"),
    ("`.endsWith(text)`", "finding.api.host.endsWith('.example.com')"),
    ("`.matches(pattern)`", "finding.api.path.matches('^/orders/[0-9]+$')"),
    ("`.exists(x, test)`", "finding.data_classification.exists(c, c in ['pii', 'pci'])"),
    ("`.exists_one(x, test)`", "finding.labels.exists_one(l, l == 'beta')"),
    ("`.all(x, test)`", "finding.labels.all(l, l != '')"),
    ("`.filter(x, test)`", "finding.labels.filter(l, l != 'beta')"),
    ("`.map(x, value)`", "finding.labels.map(l, 'is-' + l)"),
    ("`duration(text)`", "route.time_left < duration('72h')"),
    ("`timestamp(text)`", "now > timestamp('2026-01-01T00:00:00Z')"),
    ("`.getHours()` and others", "now.getHours() >= 9 && now.getDayOfWeek() > 0"),
    ("`int(x)`, `double(x)`, `string(x)`, `bool(x)`", "string(int('7')) + string(double(finding.count) / 2.0)"),
    ("`type(x)`", "type(finding.count) == int"),
)
_EXAMPLE: dict[str, Any] = {
    "finding": {
        "title": "Anybody can list all orders",
        "severity": "high",
        "count": 21,
        "is_test": False,
        "labels": ["beta", "checkout"],
        "data_classification": ["pii"],
        "api": {"host": "api.example.com", "method": "GET", "path": "/orders/17"},
        "actor": {"user_id": "mallory"},
    },
    "route": {"time_left": timedelta(days=2)},
    "now": "2026-03-02T12:00:00Z",
}


def render() -> str:
    """The whole page."""
    parts = [_HEAD, *_keys(), *_fields(), _functions(), *_actions(), *_codes()]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


# -- keys --------------------------------------------------------------------------------------------------------------


def _keys() -> Iterator[str]:
    yield "## Playbook keys"
    for title, made in _KEYS:
        head = [f"### {title}", "", *_about(made), "| key | for | type | default |", "| --- | --- | --- | --- |"]
        yield "\n".join([*head, *(_key_row(made, name) for name in made.model_fields)])


def _about(made: type[BaseModel]) -> list[str]:
    inherited = any(made.__doc__ == base.__doc__ for base in made.__mro__[1:])
    return [] if made.__doc__ is None or inherited else [made.__doc__.partition("\n")[0], ""]


def _key_row(made: type[BaseModel], name: str) -> str:
    field = made.model_fields[name]
    default = "needed" if field.is_required() else _plain(field.get_default(call_default_factory=True))
    annotation = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    word = field.alias or name
    about = field.description or MEANING[made.__name__][word]
    return f"| `{word}` | {about} | {_kind(annotation)} | {default} |"


def _plain(value: Any) -> str:
    return "" if isinstance(value, BaseModel) else _shown(str(value).lower() if isinstance(value, bool) else value)


def _kind(annotation: Any) -> str:
    small = next((shown for known, shown in _SMALL if annotation == known), "")
    origin, args = get_origin(annotation), get_args(annotation)
    if small or annotation is Any:
        return small or "any value"
    if origin is Annotated:
        return _kind(args[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_kind(each) for each in args if each is not type(None)))
    if origin is tuple:
        return f"list of {_kind(args[0])}"
    if origin is dict:
        return f"mapping of names to {_kind(args[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {model.Step: "step", examples.Example: "test"}.get(annotation, "mapping")
    return _type(annotation) if origin is Literal or annotation in (str, int, float, bool) else "text"


# -- expressions -------------------------------------------------------------------------------------------------------


def _fields() -> Iterator[str]:
    schema = schema_for(_playbook())
    yield "## Names in expressions\n\nA name that may be absent is asked for with `has()` first."
    for root in ("finding", "route", "run"):
        rows = "\n".join(_rows_of(root, schema.roots[root]))
        yield f"### {root}\n\n| name | type | |\n| --- | --- | --- |\n{rows}"
    lines = [
        "`inputs.NAME` has the type that the input declares, `vars.NAME` that of its value, `now` is the time, and the",
        "name that a `foreach` gives (`item`) is an item of its list. Of a step: `steps.ID.ok` (true or false),",
        f"`steps.ID.status` ({', '.join(f'`{word}`' for word in _statuses(schema))}),",
        "of an approval `steps.ID.approved`, and `steps.ID.outputs`, by kind:",
        "",
        "| kind | outputs |",
        "| --- | --- |",
        *_outputs(schema),
    ]
    yield "### inputs, vars, steps, now, item\n\n" + "\n".join(lines)


def _playbook() -> model.Playbook:
    """One with a step of each kind that has outputs."""
    need = {"ask": "?", "need": [{"from": ["team:a"]}], "expires": "1h"}
    steps: list[dict[str, Any]] = [
        {"id": "approve", "approve": need},
        {"id": "wait", "wait": {"for": [{"event": "timer", "after": "1h"}]}},
        {"id": "choose", "choose": [{"otherwise": []}]},
    ]
    given = {"version": model.VERSION, "id": "a", "title": "a", "owner": "team:a", "mode": "manual", "steps": steps}
    return model.Playbook.model_validate(given)


def _record(spec: Spec) -> Record:
    assert isinstance(spec, Record)
    return spec


def _statuses(schema: Schema) -> tuple[str, ...]:
    status = _record(_record(schema.roots["steps"].spec).fields["wait"].spec).fields["status"].spec
    return status.choices if isinstance(status, Simple) else ()


def _outputs(schema: Schema) -> Iterator[str]:
    yield "| `do` | those of the action, below; with `foreach` a list of them in `items` |"
    for kind in ("approve", "wait", "choose"):
        outputs = _record(_record(schema.roots["steps"].spec).fields[kind].spec).fields["outputs"].spec
        shown = ", ".join(f"`{name}` ({_output(field.spec)})" for name, field in _record(outputs).fields.items())
        yield f"| `{kind}` | {shown} |"


def _output(spec: Spec) -> str:
    inner = spec.item if isinstance(spec, ListOf) else spec
    choices = inner.choices if isinstance(inner, Simple) else ()
    return _spec(spec) + (f": {', '.join(f'`{choice}`' for choice in choices)}" if choices else "")


def _rows_of(path: str, field: Field) -> Iterator[str]:
    for name, inner in _record(field.spec).fields.items():
        where = f"{path}.{name}"
        if isinstance(inner.spec, Record):
            yield from _rows_of(where, inner)
        else:
            yield f"| `{where}` | {_spec(inner.spec)} | {_notes(inner)} |"


def _spec(spec: Spec) -> str:
    names = {"string": "text", "bool": "true or false", "int": "whole number", "double": "number", "timestamp": "time"}
    match spec:
        case Simple():
            return names.get(spec.kind, "any" if spec.kind == "dyn" else spec.kind)
        case ListOf():
            return f"list of {_spec(spec.item)}"
        case MapOf():
            return f"map of {_spec(spec.value)}"
        case Record():
            return "record"


def _notes(field: Field) -> str:
    choices = field.spec.choices if isinstance(field.spec, Simple) else ()
    others = ", or a word of your own" if isinstance(field.spec, Simple) and field.spec.is_open else ""
    shown = ", ".join(f"`{choice}`" for choice in choices if choice) + others
    return "; ".join(filter(None, ("may be absent" if field.optional else "", shown)))


def _functions() -> str:
    """Each example is evaluated here, so that what it gives is true."""
    schema = schema_for(_playbook())
    rows = []
    for name, source in _SHOWN:
        given = evaluate(check(source, schema, expect="any"), _EXAMPLE)
        shown = str(given).lower() if isinstance(given, bool) else repr(given)
        rows.append(f"| {name} | `{source.replace('|', chr(92) + '|')}` | `{shown}` |")
    head = [
        "## Functions in expressions",
        "",
        "CEL as its specification has it, without extensions. There is no clock, no network and no random; a call that",
        "gives no value fails the step and is never true.",
        "",
        "| function | example | gives |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*head, *rows])


# -- actions and codes -------------------------------------------------------------------------------------------------


def _actions() -> Iterator[str]:
    specs = sorted(catalog().values(), key=lambda spec: spec.name)
    about = "Needed inputs are **bold**. Types, defaults and examples are in [actions.md](actions.md)."
    head = ["## Actions", "", about, ""]
    head += ["| action | effect | inputs | outputs | undo |", "| --- | --- | --- | --- | --- |"]
    yield "\n".join([*head, *map(_action, specs)])


def _action(spec: ActionSpec) -> str:
    fields = spec.params.model_fields.items()
    inputs = ", ".join(f"**`{name}`**" if field.is_required() else f"`{name}`" for name, field in fields)
    outputs = ", ".join(f"`{name}`" for name in spec.outputs.model_fields)
    undo = f"`{spec.inverse}`" if spec.inverse else "never" if spec.effect is Effect.IRREVERSIBLE else ""
    link = f"[`{spec.name}`](actions.md#{spec.name.replace('.', '')})"
    return f"| {link} | {spec.effect.value} | {inputs} | {outputs} | {undo} |"


def _codes() -> Iterator[str]:
    """The codes of files that people write, as errors.md tells them."""
    rows = re.findall(r"^\| `([A-Z]\d{3})` \| (.*?) \| ", (DOCS / "errors.md").read_text("utf-8"), flags=re.MULTILINE)
    yield "## Codes\n\nWhat to do about each, and the codes of everything else, is in [errors.md](errors.md)."
    titles = {"P": "Playbooks and expressions", "R": "Ownership rules", "X": "Texts"}
    for letter, title in titles.items():
        lines = [f"| `{code}` | {meaning} |" for code, meaning in sorted(set(rows)) if code.startswith(letter)]
        yield "\n".join([f"### {title}", "", "| code | means |", "| --- | --- |", *lines])


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
