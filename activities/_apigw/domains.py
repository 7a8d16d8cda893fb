"""Which custom domain names lead to a stage, and below which path: a policy and a usage plan know no host."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities._apigw.calls import Gateway
from activities._apigw.places import Place
from stanch.errors import Rejected

FRESH_SECONDS = 60.0
_NONE = ("", "(none)")  # how API Gateway says that a mapping has no base path, or no stage of its own


@dataclass(frozen=True)
class Way:
    """A base path mapping; `stage` "" stands for every stage, as the first part of the path."""

    domain: str
    base: str
    api: str
    stage: str

    @classmethod
    def of(cls, domain: str, item: Mapping[str, Any]) -> Way:
        base, stage = str(item.get("basePath") or ""), str(item.get("stage") or "")
        told = ("" if text in _NONE else text for text in (base, stage))
        return cls(domain.lower(), next(told), str(item["restApiId"]), next(told))

    def leads(self, place: Place) -> bool:
        return self.api == place.api and self.stage in ("", place.stage)

    def of_host(self, host: str) -> bool:
        """The name is the host, or of the domain where the host is `*.domain`."""
        host = host.lower()
        return self.domain == host or (host.startswith("*.") and self.domain.endswith(host[1:]))

    def prefix(self, place: Place) -> str:
        """What a path begins with before that of the API, without slashes at its ends."""
        return "/".join(part for part in (self.base, "" if self.stage else place.stage) if part)


class Domains:
    """The custom domain names of one account and region, read again after a minute."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._read: tuple[float, Sequence[Way]] = (float("-inf"), ())

    def alone(self, host: str, place: Place) -> None:
        """Make sure that no other name leads to the stage.

        Raises:
            Rejected: V072, one does, and what is done for one host would be done to all.
        """
        others = sorted({way.domain for way in self._ways() if way.leads(place) and not way.of_host(host)})
        if others:
            message = f"this would hit {', '.join(others[:5])} as well: it leads to stage {place.stage}, too"
            hint = "give the host a stage of its own, or block it at the WAF or gateway"
            raise Rejected(message, code="V072", hint=hint)

    def inner(self, host: str, place: Place, path: str) -> str:
        """The path as the API has it, of one as clients of the host send it.

        Raises:
            Rejected: V072, the host leads to the API below another path only.
        """
        ways = [way for way in self._ways() if way.leads(place) and way.of_host(host)]
        prefixes = {way.prefix(place) for way in ways}
        if path == "/**" or not prefixes:
            return path
        for prefix in sorted(prefixes - {""}, key=len, reverse=True):  # the longest base path wins
            if path == f"/{prefix}" or path.startswith(f"/{prefix}/"):
                return path[len(prefix) + 1 :] or "/"
        if "" in prefixes:
            return path
        below = ", ".join(f"/{prefix}" for prefix in sorted(prefixes))
        message = f"the host leads to this API below {below} only, so that nothing would be denied"
        raise Rejected(message, code="V072", hint="name the path as clients send it, or its point with `at`")

    def _ways(self) -> Sequence[Way]:
        until, ways = self._read
        if time.monotonic() > until:
            names = list(self._gateway.domains())
            ways = [Way.of(name, item) for name, more in names for item in self._gateway.mappings(name, more)]
            self._read = (time.monotonic() + FRESH_SECONDS, ways)
        return ways
