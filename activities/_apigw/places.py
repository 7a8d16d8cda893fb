"""The section of an `api_gateway` connector: which REST API and stage serves which host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from activities._aws import AwsAccess
from stanch.errors import Rejected


class Place(BaseModel):
    """One stage of a REST API.

    Args:
        api: its id.
        contract: OpenAPI file of the API, for `apigw.enforce_contract`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api: str = Field(pattern=r"^[a-z0-9]{1,19}$")
    stage: str = Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")
    contract: str = ""


class ApiGatewayConfig(AwsAccess):
    """Section of an `api_gateway` connector.

    Args:
        apis: host, or `*.domain`, to its API and stage.
        deploy: `checked` deploys only where nobody else's changes wait to be deployed; `always`; `never`.
        base_url: where probes reach the stages, with the host in the header.
        canary_secret: what the names of probes are made from; at least 32 letters.
    """

    apis: Mapping[str, Place] = Field(min_length=1)
    deploy: Literal["checked", "always", "never"] = "checked"
    base_url: str = ""
    canary_secret: SecretStr | None = Field(default=None, min_length=32)


class Places:
    """Finds the stage of a host."""

    def __init__(self, apis: Mapping[str, Place], *, name: str) -> None:
        self._apis = apis
        self._name = name

    def all(self) -> Mapping[str, Place]:
        return self._apis

    def stages(self) -> dict[str, list[Place]]:
        """Every configured stage once, by API."""
        found: dict[str, list[Place]] = {}
        for place in self._apis.values():
            listed = found.setdefault(place.api, [])
            if place.stage not in [one.stage for one in listed]:
                listed.append(place)
        return found

    def serves(self, host: str) -> bool:
        return self._found(host) is not None

    def _found(self, host: str) -> Place | None:
        """By the host's own name first, then by `*.domain`, the longest first."""
        host = host.lower()
        parents = (f"*.{host.split('.', cut)[cut]}" for cut in range(1, host.count(".") + 1))
        return next((self._apis[word] for word in (host, *parents) if word in self._apis), None)

    def of(self, host: str) -> Place:
        """Rejected where no API is configured for the host."""
        found = self._found(host)
        if found is None:
            hint = f"add it to apis of connector {self._name}"
            raise Rejected("no REST API is configured for this host", code="L010", hint=hint)
        return found

    def alone(self, host: str) -> Place:
        """The same, for what acts on a whole stage: API Gateway compares no host.

        Raises:
            Rejected: L010, no API is configured for the host; V072, the stage serves other hosts as well.
        """
        found = self.of(host)
        words = [word for word, one in self._apis.items() if (one.api, one.stage) == (found.api, found.stage)]
        if words != [host.lower()]:
            others = ", ".join(sorted(set(words) - {host.lower()}))
            message = f"this would hit {others} as well: it acts on all of stage {found.stage}, whatever the host"
            raise Rejected(
                message, code="V072", hint="give the host a stage of its own, or block it at the WAF or gateway"
            )
        return found
