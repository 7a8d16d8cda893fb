"""The words of an expression with other names: `steps.ticket` as `steps.ask__ticket`, and nothing else touched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanch.shapes import is_dict, is_items

ROOTS = frozenset({"steps", "inputs", "vars"})
"""What belongs to one playbook; `finding`, `route`, `run` and `now` are the same for a playbook and those it calls."""

_TOKEN = re.compile(
    r"""(?P<text>[bB]?[rR][bB]?(?:'{3}.*?'{3}|"{3}.*?"{3}|'[^'\n]*'|"[^"\n]*")
              |[bB]?(?:'{3}(?:\\.|[^\\])*?'{3}|"{3}(?:\\.|[^\\])*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
       |(?P<comment>//[^\n]*)|(?P<space>\s+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>[0-9][0-9A-Za-z_]*|.)""",
    re.VERBOSE | re.DOTALL,
)


class CannotRename(ValueError):
    """A name of ours is used as something else, so that what it stands for cannot be told from the text."""


@dataclass(frozen=True)
class Renaming:
    """Puts `prefix` in front of every step, input and variable that an expression or a value names."""

    prefix: str

    def expression(self, source: str) -> str:
        """The same expression over the new names.

        Raises:
            CannotRename: `steps`, `inputs` or `vars` stands alone, or names the variable of a loop.
        """
        tokens = [(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(source)]
        told = [number for number, (kind, _) in enumerate(tokens) if kind not in ("space", "comment")]
        out = [text for _, text in tokens]
        for at, number in enumerate(told):
            kind, text = tokens[number]
            if kind != "name" or text not in ROOTS or _is_member(tokens, told, at):
                continue
            member = _member(tokens, told, at)
            if member < 0:
                raise CannotRename(f"{text} must be followed by a dot and a name")
            out[member] = self.prefix + out[member]
        return "".join(out)

    def value(self, value: Any) -> Any:
        """A value in plan form, with its expressions over the new names."""
        if is_dict(value):
            if set(value) == {"$"}:
                return {"$": self.expression(value["$"])}
            return {key: self.value(item) for key, item in value.items()}
        if is_items(value):
            return [self.value(item) for item in value]
        return value

    def keyed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values whose keys are names too."""
        return {self.prefix + name: self.value(value) for name, value in values.items()}


def _is_member(tokens: list[tuple[str, str]], told: list[int], at: int) -> bool:
    """True for the `steps` of `a.steps`; a dot with nothing before it starts a name from the top."""
    if at == 0 or tokens[told[at - 1]][1] != ".":
        return False
    if at == 1:
        return False
    kind, text = tokens[told[at - 2]]
    return kind in ("name", "text") or text in (")", "]", "}")


def _member(tokens: list[tuple[str, str]], told: list[int], at: int) -> int:
    """The token of the name behind the dot, -1 where there is none."""
    if at + 2 >= len(told) or tokens[told[at + 1]][1] != "." or tokens[told[at + 2]][0] != "name":
        return -1
    return told[at + 2]
