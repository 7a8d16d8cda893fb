"""Commands of a case beside its run: nothing waits for them."""

from __future__ import annotations

from typing import Any

from stanch.canonical import digest
from stanch.cases import CaseState
from stanch.interpreter.messages import RunAction


def action_beside(
    state: CaseState, purpose: str, action: str, params: dict[str, Any], *, number: str = ""
) -> RunAction:
    """A command of its own.

    Args:
        state: of the case.
        purpose: of the command.
        action: of the catalogue.
        params: of the action.
        number: what makes it one of its own; without one, the ledger line that comes next.
    """
    ref = f"case|{number or f'{purpose}|{state.next_note}'}|{action}"
    key = digest([state.case_id, state.episode, str(state.round), ref])[:32]
    return RunAction(ref=ref, path="case", purpose=purpose, action=action, params=params, key=key)
