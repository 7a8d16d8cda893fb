"""A change at a device: looked at, made, shown, taken back; an answer that did not come is settled by looking."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jmespath
from jmespath.exceptions import JMESPathError

from activities._outcomes import Call, unusable
from activities._scan_address import allowed_address
from activities._webhook.form import Values, checked, fill
from activities._webhook.send import Sender
from activities._webhook.settings import OURS, SUBJECTS, WebhookConfig
from stanch.actions.webhooks import Value
from stanch.devices import HOLE
from stanch.errors import ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.ports import Check

MAX_KEPT = 512
PAUSE = 0.25


@dataclass(frozen=True)
class Seen:
    """What a look has shown; `ours` is None where the device does not say whose it is."""

    stands: bool
    ours: bool | None = None
    kept: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True)
class Done:
    """A change that stands; `already` where it stood before and is not ours."""

    already: bool
    kept: Mapping[str, Value]
    proof: Mapping[str, str]


class WebhookDevice:
    """One section under `[webhooks]`."""

    def __init__(self, name: str, config: WebhookConfig) -> None:
        self.name = name
        self.config = config
        self._sender = Sender(name, config)
        self._kinds = {**SUBJECTS, **OURS, **config.parameters}

    def values(self, given: Mapping[str, Value], *, key: str, case: str) -> dict[str, Any]:
        """What requests may use, checked.

        Raises:
            Rejected: V040.
        """
        return checked({**given, "key": key, "case": case}, self._kinds)

    def doctor(self) -> Sequence[Check]:
        """Whether the device's name leads to an address that may be called; nothing is sent."""
        title = "address"
        if HOLE.search(self.config.url):
            return [Check(title, ok=True, detail="chosen by each call")]
        parts = urlsplit(self.config.url)
        try:
            allowed_address(parts.hostname or "", parts.port or 443, self.config.networks)
        except ConnectorError as error:
            return [Check(title, ok=False, detail=error.message, fix=error.hint)]
        return [Check(title, ok=True)]

    def apply(self, values: Values, *, key: str, again: bool) -> Done:
        """Make the change, unless it stands.

        Args:
            values: as `values` gives them.
            key: of the effect.
            again: an earlier attempt may have made it already; not where it has sent nothing.

        Raises:
            ConnectorError: what became of it; of a look after it only Uncertain, or RetrySafe where nothing was done.
        """
        before = self._look(values, key)
        if before.stands:
            ours = again if before.ours is None else before.ours
            owner = "assumed" if ours and before.ours is None else "shown"
            state = "stood already" if ours else "stood before, not ours"
            return Done(already=not ours, kept=before.kept, proof={"state": state, "owner": owner})
        settled = "answer"
        filled = fill(self.config.apply, values)
        try:
            status = self._sender.send(filled, values, action="apply the change", key=key).status
        except Uncertain:
            status, settled = 0, "look"
        after = self._until(values, key, stands=True)
        if not after.stands:
            raise self._unseen(settled)
        if after.ours is False:
            raise Uncertain(f"{self.name} shows a change like it that is not ours", code="V043", hint="look there")
        return Done(False, after.kept, {"state": "stands", "status": str(status), "settled_by": settled})

    def take_back(self, values: Values, *, kept: Mapping[str, Value], key: str) -> dict[str, str]:
        """Take the change back, where it still stands and is ours.

        Raises:
            ConnectorError: it still stands, or nobody knows.
        """
        if self.config.inverse is None:
            raise Rejected(f"{self.name} declares no inverse", code="V042", hint="see `inverse` of the section")
        before = self._look(values, key)
        if not before.stands or before.ours is False:
            return {"state": "not ours any more" if before.stands else "nothing stood"}
        filled = fill(self.config.inverse, {**values, **kept, **before.kept})
        settled = "answer"
        try:
            self._sender.send(filled, values, action="undo the change", key=key)
        except Uncertain:
            settled = "look"
        after = self._until(values, key, stands=False)
        if after.stands and after.ours is not False:
            raise RetrySafe(f"{self.name} still shows the change", retry_after=2.0, code="V043", hint="look there")
        return {"state": "taken back", "settled_by": settled}

    def _unseen(self, settled: str) -> ConnectorError:
        """What a change is called that was sent and does not show."""
        if settled == "answer":
            return Uncertain(f"{self.name} accepted the change and does not show it", code="V043", hint="look there")
        # Where it comes late after all, only a key can tell the next attempt that it is ours.
        kind = RetrySafe if self.config.verify.key else Uncertain
        return kind(f"{self.name} gave no answer, and shows no change", retry_after=2.0)

    def _until(self, values: Values, key: str, *, stands: bool) -> Seen:
        """Look until it is so, or `settle` is over.

        Raises:
            Uncertain: whatever the look met, it says nothing of the change, which was sent.
        """
        end = time.monotonic() + self.config.settle
        while True:
            try:
                seen = self._look(values, key)
            except ConnectorError as error:
                message = f"{self.name} does not show what became of the change: {error.message}"
                raise Uncertain(message, retry_after=2.0, hint=error.hint) from None
            if seen.stands is stands or time.monotonic() + PAUSE > end:
                return seen
            time.sleep(PAUSE)

    def _look(self, values: Values, key: str) -> Seen:
        verify = self.config.verify
        call = Call(system=self.name, action="verify the change", write=False)
        filled = fill(verify, values)
        answer = self._sender.send(filled, values, action=call.action, key=key, also=verify.absent)
        if answer.status in verify.absent:
            return Seen(stands=False)
        if verify.stands:
            found = _found(verify.stands, answer.data, call)
            if not isinstance(found, bool):
                raise unusable(call)  # neither yes nor no is not no
            if not found:
                return Seen(stands=False)
        return Seen(True, self._owned(answer.data, key, call), self._kept(answer.data, call))

    def _owned(self, data: Any, key: str, call: Call) -> bool | None:
        return bool(_found(self.config.verify.key, data, call) == key) if self.config.verify.key else None

    def _kept(self, data: Any, call: Call) -> dict[str, Value]:
        kept: dict[str, Value] = {}
        for name, expression in self.config.verify.keep.items():
            value = _found(expression, data, call)
            if not isinstance(value, str | int | bool) or len(str(value)) > MAX_KEPT or not str(value).isprintable():
                raise unusable(call)
            kept[name] = value
        return kept


def _found(expression: str, data: Any, call: Call) -> Any:
    try:
        return jmespath.search(expression, data)
    except JMESPathError:
        raise unusable(call) from None
