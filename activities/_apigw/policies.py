"""Blocks in the resource policies of REST APIs: read, recompute, write, read back, deploy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from activities._apigw.calls import Gateway
from activities._apigw.deploy import Deployments
from activities._apigw.domains import Domains
from activities._apigw.places import Place, Places
from activities._apigw.statements import Policy, Statement, compiled, owned_of
from stanch.errors import Rejected, RetrySafe, Uncertain
from stanch.leases import Applied, BlockSpec, Lease
from stanch.ports import Owned

KIND = "policy"


class PolicySet:
    """Our statements in the policies of all configured APIs."""

    def __init__(
        self,
        gateway: Gateway,
        places: Places,
        deployments: Deployments,
        domains: Domains,
        *,
        canary: Callable[[str], str],
    ) -> None:
        self._gateway = gateway
        self._places = places
        self._deployments = deployments
        self._domains = domains
        self._canary = canary

    def read(self) -> dict[str, Policy]:
        """By API."""
        return {api: self._policy(api)[0] for api in self._places.stages()}

    def owned(self) -> list[Owned]:
        stages = self._places.stages()
        return [one for api, policy in self.read().items() for one in owned_of(policy, stages[api][0])]

    def change(self, adds: Sequence[Lease], removes: set[str]) -> dict[str, Applied]:
        """Bring in and take out; a lease that cannot be is reported and the rest goes on."""
        results: dict[str, Applied] = {}
        by_api: dict[str, list[tuple[Lease, Place]]] = {}
        for lease in adds:
            try:
                assert isinstance(lease.spec, BlockSpec)
                place = self._places.alone(lease.spec.host)
                self._domains.alone(lease.spec.host, place)
                inner = self._domains.inner(lease.spec.host, place, lease.spec.path)
                by_api.setdefault(place.api, []).append((_at(lease, inner), place))
            except Rejected as error:
                results[lease.target] = _refused(lease.target, error)
        for api in self._places.stages():
            try:
                results |= self._change(api, by_api.get(api, []), removes)
            except Rejected as error:  # nothing of this API could be told apart
                results |= {target: _refused(target, error) for target in removes - set(results)}
                results |= {lease.target: _refused(lease.target, error) for lease, _ in by_api.get(api, [])}
        return results

    def _change(self, api: str, adds: Sequence[tuple[Lease, Place]], removes: set[str]) -> dict[str, Applied]:
        policy, about = self._policy(api)
        leaving = removes & set(policy.owned)
        if not adds and not leaving:
            self._caught_up(api, policy)
            return {}
        resources = self._gateway.resources(api)
        paths = [str(one["path"]) for one in resources]
        blocks, results = self._compiled(policy, adds, paths, private="PRIVATE" in _kinds(about))
        try:
            wanted = policy.with_blocks(blocks, without=leaving)
            if blocks and not policy.statements:
                _refuse_opening(about, resources)
            done = self._written(api, policy, wanted, resources) if blocks or leaving else {}
        except Rejected as error:
            return results | {target: _refused(target, error) for target in {*blocks, *leaving}}
        return results | {target: Applied(target=target, ok=True, proof=done) for target in {*blocks, *leaving}}

    def _compiled(
        self, policy: Policy, adds: Sequence[tuple[Lease, Place]], paths: Sequence[str], *, private: bool
    ) -> tuple[dict[str, list[Statement]], dict[str, Applied]]:
        """What can be said and still has room, and what was refused."""
        blocks: dict[str, list[Statement]] = {}
        refused: dict[str, Applied] = {}
        for lease, place in adds:
            try:
                made = compiled(lease, place, canary=self._canary(lease.target), paths=paths, private=private)
                str(policy.with_blocks({**blocks, lease.target: made}, without=set()))
                blocks[lease.target] = made
            except Rejected as error:
                refused[lease.target] = _refused(lease.target, error)
        return blocks, refused

    def _written(
        self, api: str, policy: Policy, wanted: Policy, resources: Sequence[Mapping[str, Any]]
    ) -> dict[str, str]:
        text, mark, stages = str(wanted), _mark(wanted), self._places.stages()[api]
        changes = not policy.same(wanted)
        waiting = [place for place in stages if changes or not self._deployments.done(place, mark)]
        for place in waiting:
            self._may_deploy(place, policy, resources)  # before anything is changed
        if changes:
            if self._policy(api)[0] != policy:
                raise RetrySafe("somebody else writes the resource policy at this moment", retry_after=2.0)
            self._gateway.set_policy(api, text)  # without a lock: API Gateway has none
            if not self._policy(api)[0].stands_as(wanted):
                raise Uncertain("the resource policy is not what was written", hint="somebody else writes it as well")
        made = [self._deployments.make(place, mark, beside=wanted.beside) for place in waiting]
        return {"ours": "true", "api": api, "deployments": " ".join(made) or "stands"}

    def _caught_up(self, api: str, policy: Policy) -> None:
        """Deploy what an attempt that was cut off had already taken out: until then the stage still denies it."""
        late = [p for p in self._places.stages()[api] if self._deployments.behind(p, KIND, _mark(policy))]
        if late:
            resources = self._gateway.resources(api)
            for place in late:
                self._may_deploy(place, policy, resources)
                self._deployments.make(place, _mark(policy), beside=policy.beside)

    def _may_deploy(self, place: Place, policy: Policy, resources: Sequence[Mapping[str, Any]]) -> None:
        self._deployments.check(place, resources)
        self._deployments.check_beside(place, KIND, policy.beside)

    def _policy(self, api: str) -> tuple[Policy, Mapping[str, Any]]:
        about = self._gateway.api(api)
        return Policy.parse(str(about.get("policy") or "")), about


def _mark(policy: Policy) -> str:
    return f"{KIND} {policy.digest()[:16]}"


def _refuse_opening(about: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> None:
    """Our Allow keeps an API open that had no policy; where IAM or a VPC decides, it would let in who was kept out."""
    methods = [method for one in resources for method in (one.get("resourceMethods") or {}).values()]
    signed = any(method.get("authorizationType") == "AWS_IAM" for method in methods)
    if "PRIVATE" in _kinds(about) or signed:
        message = "this API has no resource policy and is closed by IAM or its VPC; ours would have to allow everybody"
        raise Rejected(message, code="V072", hint="give it a resource policy of its own first, or block at the WAF")


def _at(lease: Lease, path: str) -> Lease:
    """The lease with the path that the API knows; its target stays."""
    return lease.model_copy(update={"spec": lease.spec.model_copy(update={"path": path})})


def _kinds(about: Mapping[str, Any]) -> Sequence[str]:
    """Of endpoints that the API has."""
    return (about.get("endpointConfiguration") or {}).get("types") or []


def _refused(target: str, error: Rejected) -> Applied:
    return Applied(target=target, ok=False, code=error.code, reason=error.message)
