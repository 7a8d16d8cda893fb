"""Messages that nothing waits for: reminders, escalations, news."""

from __future__ import annotations

from stanch.canonical import digest
from stanch.interpreter.messages import RunAction
from stanch.interpreter.run import Run


def send(run: Run, path: str, to: str, *, template: str, text: str, occurrence: int) -> None:
    """A message nothing waits for."""
    ref = f"{path}|{template}|{occurrence}|{digest(to)[:8]}"
    run.act(
        RunAction(
            ref=ref,
            path=path,
            purpose=template,
            action="chat.message",
            params={"to": to, "template": template, "text": text[:500]},
            key=run.context.key(ref, occurrence),
        )
    )
