"""API Gateway as a point: addresses and paths denied by resource policy, API keys held one by one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from activities._apigw.calls import Gateway
from activities._apigw.changes import Changes
from activities._apigw.deploy import Deployments
from activities._apigw.doctor import checks
from activities._apigw.domains import Domains
from activities._apigw.keys import KeyItems, key_of
from activities._apigw.notes import notes_of
from activities._apigw.places import ApiGatewayConfig, Places
from activities._apigw.policies import PolicySet
from activities._apigw.usage import estimated
from activities._aws import make_client
from stanch.errors import ConnectorError, Gone, Rejected
from stanch.fitting import Need
from stanch.leases import Applied, BlockSpec, Lease, is_item
from stanch.ports import Check, Estimate, Excerpt, Mismatch, Owned, Reconciled, Usage

CANARY_HEADER = "referer"


class GatewayPoint:
    """Implements PointPort, and what a probe needs, for the REST APIs of one account and region."""

    expresses = frozenset({Need.API_KEY})

    def __init__(self, name: str, config: ApiGatewayConfig) -> None:
        self.name = name
        self.base_url = config.base_url
        self._secret = config.canary_secret.get_secret_value() if config.canary_secret else ""
        self.gateway = Gateway(make_client("apigateway", config), config.region)
        self.places = Places(config.apis, name=name)
        self.deployments = Deployments(self.gateway, config.deploy)
        self.changes = Changes(self.gateway, self.deployments)
        domains = Domains(self.gateway)
        self._keys = KeyItems(self.gateway, self.places, domains)
        self._policies = PolicySet(self.gateway, self.places, self.deployments, domains, canary=self._canary)

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        """See PointPort. Lifts come first; keys are entries of their own, in the digest where they are named."""
        named = {lease.target: lease for lease in [*(wanted or ()), *adds] if lease.target not in removes}
        told = [*named.values(), *known]
        items = bool(told) and all(is_item(lease.spec) for lease in told)
        if wanted is None and expected and self._digest(told, items=items) != expected:
            raise Mismatch
        results = self._lift(list(dict.fromkeys(removes)), known, items=items)
        results += self._hold(list(named.values()))
        return Reconciled(digest=self._digest(told, items=items), results=tuple(results))

    def list_owned(self) -> Sequence[Owned]:
        return [*self._keys.owned(), *self._policies.owned()]

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """See PointPort; what has another end by now was renewed, and stays."""
        return [self._take_out(entry) for entry in entries]

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        """From the daily counts of the key's usage plans; nothing else is counted by API Gateway itself."""
        return estimated(self.gateway, self.places, spec, window=window)

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        raise _no_log()

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        raise _no_log()

    def doctor(self) -> Sequence[Check]:
        return checks(self.name, self.gateway, self.places, self.deployments, canary=bool(self._secret))

    # -- what a probe needs

    def canary(self, target: str) -> Mapping[str, str]:
        """The header that a block denies besides its addresses."""
        return {CANARY_HEADER: self._canary(target)} if self._secret else {}

    def deciding_target(self, agent: str, *, since: datetime) -> str | None:
        return None  # there is no log to ask, so a probe is judged by the requests next to it

    def passed(self, spec: BlockSpec, *, since: datetime) -> tuple[int, int]:
        raise _no_log()

    def _canary(self, target: str) -> str:
        if not self._secret:
            return ""
        return "stanch-" + hmac.new(self._secret.encode(), target.encode(), hashlib.sha256).hexdigest()[:32]

    def _hold(self, leases: Sequence[Lease]) -> list[Applied]:
        keyed = [lease for lease in leases if key_of(lease.spec)]
        others = [lease for lease in leases if not key_of(lease.spec)]
        foreign = [lease for lease in others if not isinstance(lease.spec, BlockSpec)]
        results = [
            _refused(lease.target, "V002", "this point holds requests and API keys, no users") for lease in foreign
        ]
        blocks = [lease for lease in others if isinstance(lease.spec, BlockSpec)]
        results += self._policies.change(blocks, set()).values() if blocks else []
        return [*results, *map(self._hold_key, keyed)]

    def _hold_key(self, lease: Lease) -> Applied:
        try:
            return Applied(target=lease.target, ok=True, proof=self._keys.hold(lease))
        except Rejected as error:
            return _refused(lease.target, error.code, error.message)

    def _lift(self, targets: Sequence[str], known: Sequence[Lease], *, items: bool) -> list[Applied]:
        """Known leases say where to look; others are looked for in the policies, then on all keys."""
        by_key = {lease.target for lease in known if key_of(lease.spec)}
        asked = set() if items else set(targets) - by_key
        done = self._policies.change([], asked) if asked else {}
        return [done.get(target) or self._lift_key(target, known) for target in targets]

    def _lift_key(self, target: str, known: Sequence[Lease]) -> Applied:
        if any(lease.target == target and not key_of(lease.spec) for lease in known):
            return Applied(target=target, ok=True, proof={"ours": "false", "state": "nothing of ours"})
        try:
            key = self._keys.find(target, known)
            proof = {"ours": "false", "state": "nothing of ours"} if key is None else self._keys.lift(target, key)
        except Rejected as error:
            return _refused(target, error.code, error.message)
        return Applied(target=target, ok=True, proof=proof)

    def _take_out(self, entry: Owned) -> Applied:
        try:
            stands = self._standing(entry)
            done = self._lifted(entry) if stands == entry else None
        except ConnectorError as error:
            proof = {"outcome": "REJECTED" if isinstance(error, Rejected) else "UNCERTAIN"}
            return Applied(target=entry.name, ok=False, code=error.code, reason=error.message, proof=proof)
        if done is not None:
            return done.model_copy(update={"target": entry.name})
        return Applied(target=entry.name, ok=True, proof={"state": "renewed"} if stands is not None else {})

    def _standing(self, entry: Owned) -> Owned | None:
        kind, place, _ = entry.name.split("/", 2)
        if kind == "policy":
            return next((one for one in self._policies.owned() if one.name == entry.name), None)
        try:
            note = notes_of(self.gateway.key(place)).get(entry.target)
        except Gone:
            return None
        return note.owned(place) if note is not None else None

    def _lifted(self, entry: Owned) -> Applied:
        kind, place, _ = entry.name.split("/", 2)
        if kind == "policy":
            return self._policies.change([], {entry.target})[entry.target]
        return Applied(target=entry.target, ok=True, proof=self._keys.lift(entry.target, self.gateway.key(place)))

    def _digest(self, leases: Sequence[Lease], *, items: bool) -> str:
        if items:
            lines = [self._keys.state(lease) for lease in leases]
        else:
            lines = [f"{api} {policy.digest()}" for api, policy in self._policies.read().items()]
        return hashlib.sha256("\n".join(sorted(filter(None, lines))).encode()).hexdigest()


def _refused(target: str, code: str, reason: str) -> Applied:
    return Applied(target=target, ok=False, code=code, reason=reason)


def _no_log() -> Rejected:
    hint = "ask the WAF or gateway in front of it, with `at`"
    return Rejected("API Gateway keeps no log of requests that can be asked here", code="V075", hint=hint)
