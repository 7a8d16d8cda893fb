"""Which findings belong to one story: an attack and the weakness it may be using."""

from __future__ import annotations

import re

_PARAMETER = re.compile(r"\{[^{}/]*\}")

# Categories of the OWASP API Security Top 10 (2023) whose attacks and weaknesses are each other's: an attack is
# often named by what was seen of it, and the weakness by what a scanner could prove.
_FAMILIES = (
    frozenset({"API1:2023", "API5:2023"}),  # who may do what, by object or by function
    frozenset({"API1:2023", "API3:2023"}),  # foreign objects, and fields of them
    frozenset({"API2:2023", "API4:2023"}),  # guessing needs the freedom to try
    frozenset({"API4:2023", "API6:2023"}),  # so does the abuse of a business flow
    frozenset({"API7:2023", "API10:2023"}),  # the API calls on behalf of others
)
_ANY = "API8:2023"  # a misconfiguration, such as a missing policy, opens the way to all


def compatible(attack: str, weakness: str) -> bool:
    """Whether an attack of one OWASP category may be using a weakness of the other; nothing is guessed from ""."""
    if not attack or not weakness:
        return False
    return attack == weakness or weakness == _ANY or frozenset({attack, weakness}) in _FAMILIES


def operation(path: str) -> str:
    """A path template without the names of its parameters, which tools choose as they like."""
    return _PARAMETER.sub("{}", path)
