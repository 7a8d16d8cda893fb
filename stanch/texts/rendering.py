"""From a template and a context to plain text: a sandbox with fields, `if` and `for`, and nothing to call."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stanch.durations import format_duration
from stanch.errors import ConfigError, Problem
from stanch.shapes import is_items
from stanch.sinks.cutting import cut_line, head_of, units
from stanch.sinks.text import clean, one_line, shorten

FIELD_LIMIT = 500
QUOTE_LIMIT = 4000
BODY_LIMIT = 20_000
TITLE_LIMIT = 250
CUT = "\n\n[cut here; the whole text is in the case]"
_BLANKS = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


@dataclass(frozen=True)
class Text:
    """Plain text in short paragraphs; whoever shows it encodes it for its own markup."""

    title: str
    body: str


class Ready(str):
    """Text that a filter has already made safe for its place."""

    __slots__ = ()


def _finalize(value: object) -> object:
    """Every field becomes one short line, so that no data can start a paragraph of its own."""
    if isinstance(value, Ready):
        return value
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, timedelta):
        return format_duration(value)
    if is_items(value):
        return one_line(", ".join(str(item) for item in value), limit=FIELD_LIMIT)
    return one_line(str(value), limit=FIELD_LIMIT)


def quote(value: object) -> Ready:
    """Foreign text of several lines, each marked as quoted."""
    text = shorten(clean(str(value)).strip(), QUOTE_LIMIT)
    return Ready("\n".join(f"> {line}".rstrip() for line in text.split("\n")))


def shell(value: object) -> Ready:
    """One argument of a POSIX shell command."""
    return Ready(shlex.quote(one_line(str(value), limit=FIELD_LIMIT)))


def percent(value: object) -> Ready:
    """A share between 0 and 1 as a percentage; what is no number stays as it is."""
    try:
        return Ready(f"{float(str(value)) * 100:.1f} %")
    except ValueError:
        return Ready(one_line(str(value), limit=FIELD_LIMIT))


FILTERS = {"quote": quote, "shell": shell, "percent": percent}
TESTS = ("defined", "none")


def environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    """A sandbox without globals and with our few filters only."""
    made = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=False,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals = {}
    made.filters.clear()
    made.filters.update(FILTERS)
    for name in set(made.tests) - set(TESTS):
        del made.tests[name]
    return made


def fill(env: ImmutableSandboxedEnvironment, name: str, context: Mapping[str, Any]) -> Text:
    """Render a template; its first line is the title.

    Raises:
        ConfigError: X003, the template uses a field that is not there.
    """
    try:
        whole = env.get_template(f"{name}.j2").render(context)
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        place, why = getattr(error, "lineno", 0) or 0, one_line(str(error)) or "cannot be rendered"
        problem = Problem("X003", why, file=f"{name}.j2", line=place)
        raise ConfigError(f"text {name} cannot be rendered", problems=[problem], code="X003") from error
    title, _, body = whole.lstrip("\n").partition("\n")
    return Text(title=cut_line(title, TITLE_LIMIT), body=_within(_BLANKS.sub("\n\n", body).strip()))


def _within(body: str) -> str:
    return body if units(body) <= BODY_LIMIT else f"{head_of(body, BODY_LIMIT - units(CUT))}{CUT}"
