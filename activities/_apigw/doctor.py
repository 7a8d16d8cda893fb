"""What `stanch doctor` says of API Gateway: whether each stage can be read, deployed and held at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from activities._apigw.calls import Gateway
from activities._apigw.deploy import Deployments
from activities._apigw.places import Place, Places
from activities._apigw.statements import OPEN, Policy
from stanch.errors import ConnectorError
from stanch.ports import Check


def checks(name: str, gateway: Gateway, places: Places, deployments: Deployments, *, canary: bool) -> Sequence[Check]:
    """Nothing is changed."""
    found = [_tried(f"{name}: API keys", "", lambda: next(gateway.every_key(), None))]
    for host, place in places.all().items():
        found += _of_stage(f"{name}: {host}", gateway, place, deployments)
    if not canary:
        fix = "set canary_secret and base_url"
        found.append(Check(f"{name}: probes", ok=False, detail="blocks of addresses cannot be proved", fix=fix))
    return found


def _of_stage(title: str, gateway: Gateway, place: Place, deployments: Deployments) -> Iterator[Check]:
    try:
        resources = gateway.resources(place.api)
        gateway.stage(place.api, place.stage)
        policy = Policy.parse(str(gateway.api(place.api).get("policy") or ""))
    except ConnectorError as error:
        yield Check(title, ok=False, detail=error.message, fix=error.hint)
        return
    yield Check(title, ok=True, detail=f"stage {place.stage}, {len(resources)} resources")
    yield _tried(f"{title}: deploying", "", lambda: deployments.check(place, resources))
    left = not policy.owned and any(one.get("Sid") == OPEN for one in policy.statements)
    if left:
        detail = f"the policy still has {OPEN}, since it would let nobody in without it"
        yield Check(f"{title}: policy", ok=False, detail=detail, fix="write an Allow of your own, then take ours out")
    methods = [method for one in resources for method in (one.get("resourceMethods") or {}).values()]
    without = sum(not method.get("apiKeyRequired") for method in methods)
    if without:
        detail = f"{without} of {len(methods)} methods ask for no API key: taking a key away does not stop them"
        yield Check(f"{title}: keys", ok=True, detail=detail)


def _tried(title: str, detail: str, work: Callable[[], object]) -> Check:
    try:
        work()
    except ConnectorError as error:
        return Check(title, ok=False, detail=error.message, fix=error.hint)
    return Check(title, ok=True, detail=detail)
