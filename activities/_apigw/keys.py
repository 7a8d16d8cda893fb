"""API keys held for a time: disabled, or out of their usage plans, and given back only where it was us who took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities._apigw.calls import Gateway, Key
from activities._apigw.domains import Domains
from activities._apigw.notes import FLAG, PREFIX, KeyNote, claimed, notes_of
from activities._apigw.places import Places
from stanch.errors import Gone, Rejected, Uncertain
from stanch.leases import BlockSpec, KeySpec, Lease, LeaseSpec, Principal
from stanch.ports import Owned

OTHERS = "taken away by somebody else before"


class KeyItems:
    """The keys of one account. The note goes on before the change and off after it is taken back.

    A crash between leaves a note on a key that works, which the next call settles, never a dead key that nobody
    remembers. Two holds may want the same plan; the key goes back when the last of them ends.
    """

    def __init__(self, gateway: Gateway, places: Places, domains: Domains) -> None:
        self._gateway = gateway
        self._places = places
        self._domains = domains
        self._ids: dict[str, str] = {}  # target to key; spares a search

    def hold(self, lease: Lease) -> dict[str, str]:
        """Take the key away; safe to repeat.

        Raises:
            Rejected: it cannot be held so narrowly, or the place of our note holds something else.
        """
        key = self._gateway.key(key_of(lease.spec))
        notes = notes_of(key)
        if lease.target not in notes and PREFIX + lease.target in key.tags:
            raise Rejected("the place of our note on the key holds something else", hint="clear the tag by hand")
        took = self._to_take(lease, key, notes)
        if not took:
            return {"ours": "false", "key": key.id, "state": OTHERS}
        note = KeyNote.of(lease, took)
        if notes.get(lease.target) != note:
            self._gateway.tag(f"apikeys/{key.id}", {PREFIX + lease.target: str(note)})
            self._noted(key.id, lease.target, note)  # a dead key without a note is nobody's
        self._ids[lease.target] = key.id
        for item in took:
            self._take(key, item)
        return {"ours": "true", "key": key.id, "took": " ".join(took), "state": "read back"}

    def lift(self, target: str, key: Key) -> dict[str, str]:
        """Give back what this hold took, unless another one still holds it or somebody has given it back."""
        note = notes_of(key).get(target)
        if note is None:
            return {"ours": "false", "state": "nothing of ours"}
        others = claimed(notes_of(key), beside=target)
        states = {item: self._give_back(key, target, item, shared=item in others) for item in note.took}
        self._gateway.untag(f"apikeys/{key.id}", [PREFIX + target])
        self._noted(key.id, target, None)
        self._ids.pop(target, None)
        return {"ours": "true", "key": key.id, **{f"of {item}": state for item, state in states.items()}}

    def find(self, target: str, known: Sequence[Lease]) -> Key | None:
        """The key that bears the note of a target: where it was seen last, where the lease says, else looked for."""
        likely = [self._ids.get(target, ""), *(key_of(one.spec) for one in known if one.target == target)]
        for identity in filter(None, likely):
            try:
                key = self._gateway.key(identity)
            except Gone:
                continue
            if target in notes_of(key):
                return key
        return next((key for key in self._gateway.every_key() if target in notes_of(key)), None)

    def owned(self) -> list[Owned]:
        return [note.owned(key.id) for key in self._gateway.every_key() for note in notes_of(key).values()]

    def state(self, lease: Lease) -> str:
        """The hold as the vendor has it, for a digest; "" where there is none."""
        try:
            key = self._gateway.key(key_of(lease.spec))
        except Rejected:
            return ""
        note = notes_of(key).get(lease.target)
        return f"{lease.target} {key.id} {key.enabled} {note}" if note is not None else ""

    def _to_take(self, lease: Lease, key: Key, notes: Mapping[str, KeyNote]) -> tuple[str, ...]:
        """What may be taken in our name: what works now, and what only holds of ours have taken."""
        if isinstance(lease.spec, KeySpec) and not lease.spec.plan_id:
            return (FLAG,) if key.enabled or lease.target in notes else ()
        ours = {item for note in notes.values() for item in note.took}
        return tuple(
            plan for plan in self._plans(lease.spec, key, ours) if plan in ours or self._gateway.has_key(plan, key.id)
        )

    def _plans(self, spec: LeaseSpec, key: Key, ours: set[str]) -> list[str]:
        if isinstance(spec, KeySpec):
            return [self._gateway.plan(spec.plan_id).id]
        assert isinstance(spec, BlockSpec)
        place = self._places.alone(spec.host)
        _refuse_narrower(spec)
        self._domains.alone(spec.host, place)
        plans = {plan.id: plan for plan in self._gateway.plans_of(key.id)}
        plans |= {name: self._gateway.plan(name) for name in ours - set(plans) - {FLAG}}
        serving = [plan for plan in plans.values() if (place.api, place.stage) in plan.stages]
        for plan in serving:
            if len(plan.stages) > 1:
                hint = "disable the whole key, or take it out of the plan by name"
                raise Rejected(f"usage plan {plan.id} also serves other stages", code="V072", hint=hint)
        return sorted(plan.id for plan in serving)

    def _take(self, key: Key, item: str) -> None:
        if item == FLAG:
            if key.enabled:
                self._gateway.set_enabled(key.id, False)
            stands = self._gateway.key(key.id).enabled
        else:
            if self._gateway.has_key(item, key.id):
                self._gateway.drop_key(item, key.id)
            stands = self._gateway.has_key(item, key.id)
        if stands:
            raise Uncertain(
                "API Gateway accepted the change, but a read does not show it", hint="look at the key there"
            )

    def _give_back(self, key: Key, target: str, item: str, *, shared: bool) -> str:
        if shared:
            return "still held by another case"
        if item == FLAG:
            if key.enabled:
                return "given back by somebody else before"
            self._gateway.set_enabled(key.id, True)
            back = self._gateway.key(key.id).enabled
        else:
            if self._gateway.has_key(item, key.id):
                return "given back by somebody else before"
            try:
                self._gateway.put_key(item, key.id)
            except Gone:
                return "the usage plan is gone"
            if item in claimed(notes_of(self._gateway.key(key.id)), beside=target):
                self._gateway.drop_key(item, key.id)  # somebody took a hold on it meanwhile
                return "still held by another case"
            back = self._gateway.has_key(item, key.id)
        if not back:
            raise Uncertain(
                "API Gateway accepted the change, but a read does not show it", hint="look at the key there"
            )
        return "given back"

    def _noted(self, key: str, target: str, note: KeyNote | None) -> None:
        if notes_of(self._gateway.key(key)).get(target) != note:
            raise Uncertain("API Gateway accepted the tag, but a read does not show it", hint="look at the key there")


def key_of(spec: LeaseSpec) -> str:
    """The id of the key a lease is about; "" where it is about none."""
    if isinstance(spec, KeySpec):
        return spec.key_id
    who = spec.principal if isinstance(spec, BlockSpec) else None
    return (who.api_key or "") if who is not None else ""


def _refuse_narrower(spec: BlockSpec) -> None:
    who = spec.principal
    alone = who is not None and who == Principal(api_key=who.api_key)
    if spec.path != "/**" or spec.methods or spec.ips or not alone:
        message = "API Gateway can take a key away from a whole API only, not from one path, method, user or address"
        raise Rejected(message, code="V072", hint="block it with path /** and nothing but the key, or at the WAF")
