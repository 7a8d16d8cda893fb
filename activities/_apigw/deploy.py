"""Deployments: most changes of an API have effect only once its stage is deployed, and that deploys everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from activities._apigw.calls import Gateway
from activities._apigw.places import Place
from stanch.errors import Rejected

OURS = "stanch"
Spot = tuple[str, str]  # path of a resource, method


class Deployments:
    """Deploys a stage where nothing of anybody else would go out with it.

    API Gateway tells of the deployed stage which methods it has, with authorization and API key; differences there are
    found. What changed only inside an integration or a model cannot be seen.
    """

    def __init__(self, gateway: Gateway, mode: str) -> None:
        self._gateway = gateway
        self._mode = mode

    def check(
        self, place: Place, resources: Iterable[Mapping[str, Any]], *, ours: frozenset[Spot] = frozenset()
    ) -> None:
        """Whether a deployment may be made now; `ours` are methods that we have changed ourselves.

        Raises:
            Rejected: V070, others' changes would go out with it, or deployments are not for us to make.
        """
        if self._mode == "never":
            raise Rejected("deployments are switched off for this connector", code="V070", hint="see `deploy`")
        stage = self._gateway.stage(place.api, place.stage)
        if stage.get("canarySettings"):
            hint = "promote or delete the canary first"
            raise Rejected(f"stage {place.stage} has a canary, and would be deployed into it", code="V070", hint=hint)
        if self._mode == "checked":
            deployed = self._gateway.deployment(place.api, str(stage["deploymentId"]))
            waiting = sorted(_differing(deployed, resources) - ours)
            if waiting:
                what = ", ".join(f"{method} {path}" for path, method in waiting[:5])
                message = f"deploying stage {place.stage} would publish changes that nobody has deployed yet: {what}"
                raise Rejected(message, code="V070", hint="deploy or revert them, or set deploy = 'always'")

    def done(self, place: Place, mark: str) -> bool:
        """True where the stage runs the deployment that we made under this mark."""
        return self._made_for(place, mark)

    def behind(self, place: Place, kind: str, mark: str) -> bool:
        """True where the stage runs a deployment that we made for an older mark of a kind."""
        return self._current(place).startswith(f"{OURS} {kind} ") and not self._made_for(place, mark)

    def check_beside(self, place: Place, kind: str, beside: str) -> None:
        """Where the last deployment was ours: whether what others have beside ours is still what went out with it.

        Raises:
            Rejected: V070, it is not, so that a deployment would publish what nobody has deployed.
        """
        ours, _, rest = self._current(place).partition(" ")
        words = rest.split(" ")
        if self._mode == "checked" and ours == OURS and len(words) == 3 and words[0] == kind and words[2] != beside:
            message = f"deploying stage {place.stage} would publish a change of the {kind} that nobody has deployed yet"
            raise Rejected(message, code="V070", hint="deploy or revert it, or set deploy = 'always'")

    def _made_for(self, place: Place, mark: str) -> bool:
        return f"{self._current(place)} ".startswith(f"{OURS} {mark} ")

    def _current(self, place: Place) -> str:
        stage = self._gateway.stage(place.api, place.stage)
        found = self._gateway.deployment(place.api, str(stage["deploymentId"]))
        return str(found.get("description", ""))

    def runs(self, place: Place, spot: Mapping[str, str], state: Mapping[str, Any]) -> bool:
        """True where the stage runs a method with this authorization."""
        stage = self._gateway.stage(place.api, place.stage)
        found = self._gateway.deployment(place.api, str(stage["deploymentId"]))
        method = ((found.get("apiSummary") or {}).get(spot["path"]) or {}).get(spot["method"]) or {}
        return _told(method) == (state["type"], state["key"])

    def make(self, place: Place, mark: str, *, beside: str = "") -> str:
        """Deploy the stage; the mark in its description says what for, so that a second attempt can tell.

        `beside` is a digest of what of others goes out with it, for `check_beside`.
        """
        return self._gateway.deploy(place.api, place.stage, f"{OURS} {mark} {beside}".strip())


def _differing(deployed: Mapping[str, Any], resources: Iterable[Mapping[str, Any]]) -> set[Spot]:
    was = {
        (str(path), str(name)): _told(method)
        for path, methods in (deployed.get("apiSummary") or {}).items()
        for name, method in methods.items()
    }
    now = {
        (str(one["path"]), str(name)): _told(method)
        for one in resources
        for name, method in (one.get("resourceMethods") or {}).items()
    }
    return {spot for spot in was.keys() | now.keys() if was.get(spot) != now.get(spot)}


def _told(method: Mapping[str, Any]) -> tuple[str, bool]:
    return str(method.get("authorizationType", "")), bool(method.get("apiKeyRequired", False))
