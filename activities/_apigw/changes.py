"""Changes that are taken back by comparing: written only over what was noted, restored only over what we wrote."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities._apigw.calls import Gateway
from activities._apigw.contract import remove_made
from activities._apigw.deploy import Deployments
from activities._apigw.levers import Lever, MethodAuth, MethodContract, MethodThrottle, PlanThrottle, Spot
from activities._apigw.places import Place
from activities._apigw.records import Record, Records, State, named, parsed
from activities._aws import NotThere
from stanch.errors import Rejected, Uncertain


@dataclass(frozen=True)
class Made:
    """What became of a change. `already` means that it stood before: there is nothing to take back."""

    name: str
    already: bool
    before: str
    after: str
    deployment: str = ""


@dataclass(frozen=True)
class Asked:
    """A change to be made.

    Args:
        where: the stage or plan that carries the record.
        asked: the part of the state that is asked for; `prepare` gives more of it once nothing is in the way.
        key: of the effect, 12 hex digits; asking again with it changes nothing more.
    """

    lever: Lever
    where: str
    spot: Spot
    asked: State
    case_id: str
    key: str
    prepare: Callable[[], State] | None = None


class Changes:
    """Makes, checks and takes back changes of all kinds."""

    def __init__(self, gateway: Gateway, deployments: Deployments) -> None:
        self._gateway = gateway
        self._deployments = deployments
        self._records = Records(gateway)
        levers: Sequence[Lever] = [kind(gateway) for kind in (MethodThrottle, PlanThrottle, MethodAuth, MethodContract)]
        self.levers = {lever.kind: lever for lever in levers}

    def make(self, ask: Asked) -> Made:
        """Bring it about once.

        Raises:
            Rejected: V076, somebody changed the same since our first attempt; V077, another change of ours is there.
        """
        lever, name = ask.lever, named(ask.where, ask.key)
        known = self._record(ask)
        now = lever.read(ask.spot)
        record = known or self._planned(ask, now)
        if record is None:
            return Made(name, True, _shown(now), _shown(now))
        if not _covers(now, record.after):
            if now != record.before:
                raise _changed_since(record)
            self._write(lever, record, now, to=record.after)
        after = lever.read(ask.spot)
        if after != record.after:
            record = record.with_after(after)
            with contextlib.suppress(Rejected):  # too large now: what was noted before the change takes it back as well
                self._records.put(ask.where, ask.key, record)
        deployment = self._deployed(lever, ask.spot, f"change {ask.key}")
        return Made(name, False, _shown(record.before), _shown(after), deployment)

    def restore(self, name: str) -> tuple[bool, str]:
        """Whether something of ours was there, and what became of it.

        Raises:
            Rejected: V076, somebody has changed it since; nothing is restored over that.
        """
        where, key = parsed(name)
        try:
            record = self._records.all(where).get(key)
        except NotThere:
            return False, "the stage or plan is gone"
        if record is None:
            return False, "nothing of ours"
        lever = self.levers[record.kind]
        try:
            now = lever.read(record.spot)
        except NotThere:
            self._records.drop(where, key)
            return True, "the method is gone"
        if now != record.before:
            if not _covers(now, record.after):
                raise _changed_since(record)
            self._may_deploy(lever, record.spot, ours=True)
            self._write(lever, record, now, to=record.before)
        self._deployed(lever, record.spot, f"restore {key}")
        self._clean(record, key)
        self._records.drop(where, key)
        return True, "restored"

    def standing(self, name: str) -> str:
        """`stands`, or what is the matter with it."""
        where, key = parsed(name)
        record = self._records.all(where).get(key)
        if record is None:
            return "there is no such change of ours"
        lever = self.levers[record.kind]
        now = lever.read(record.spot)
        if not _covers(now, record.after):
            return "somebody took it back" if now == record.before else "somebody changed it since"
        if lever.kind == MethodAuth.kind and not self._deployments.runs(_place(record.spot), record.spot, now):
            return "it is not deployed any more"
        return "stands"

    def _record(self, ask: Asked) -> Record | None:
        records = self._records.all(ask.where)
        for key, other in records.items():
            if key != ask.key and other.kind == ask.lever.kind and other.spot == dict(ask.spot):
                message = f"case {other.case_id} has already changed this, and takes it back itself"
                raise Rejected(message, code="V077", hint="wait for its end, or take that change back first")
        return records.get(ask.key)

    def _planned(self, ask: Asked, now: State) -> Record | None:
        """The change noted down before it is made; None where it is so already."""
        wanted = ask.lever.wanted(ask.spot, now, ask.asked)
        if ask.prepare is None and _covers(now, wanted):
            return None
        self._may_deploy(ask.lever, ask.spot, ours=False)
        if ask.prepare is not None:
            wanted = ask.lever.wanted(ask.spot, now, ask.prepare())
        record = Record(ask.lever.kind, ask.case_id[:64], dict(ask.spot), now, wanted)
        try:
            self._records.put(ask.where, ask.key, record)
        except Rejected:
            self._clean(record, ask.key)
            raise
        return record

    def _write(self, lever: Lever, record: Record, now: State, *, to: State) -> None:
        lever.write(record.spot, now, to)
        if not _covers(lever.read(record.spot), to):
            raise Uncertain("API Gateway accepted the change, but a read does not show it", hint="look at it there")

    def _may_deploy(self, lever: Lever, spot: Spot, *, ours: bool) -> None:
        """Before anything is changed; what we changed ourselves is no obstacle when it is taken back."""
        if lever.deploys:
            spots = frozenset({(spot["path"], spot["method"])} if ours else set[tuple[str, str]]())
            self._deployments.check(_place(spot), self._gateway.resources(spot["api"]), ours=spots)

    def _deployed(self, lever: Lever, spot: Spot, mark: str) -> str:
        if not lever.deploys:
            return ""
        place = _place(spot)
        if self._deployments.done(place, mark):
            return "stands"
        self._may_deploy(lever, spot, ours=True)
        return self._deployments.make(place, mark)

    def _clean(self, record: Record, key: str) -> None:
        """Delete the validator and model that were made for this change and that nothing refers to any more."""
        if record.kind == MethodContract.kind:
            remove_made(self._gateway, record.spot["api"], key)


def _covers(now: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Everything in `part` is so now; an empty part is only covered by nothing at all."""
    return now == {} if not part else all(name in now and now[name] == value for name, value in part.items())


def _place(spot: Spot) -> Place:
    return Place(api=spot["api"], stage=spot["stage"])


def _shown(state: State) -> str:
    return json.dumps(state, sort_keys=True)


def _changed_since(record: Record) -> Rejected:
    what = f"{record.spot['method']} {record.spot['path']}" if "path" in record.spot else f"plan {record.spot['plan']}"
    message = f"somebody has changed {what} since case {record.case_id} did; nothing is restored over that"
    return Rejected(message, code="V076", hint="compare it with `before` in the timeline and settle it by hand")
