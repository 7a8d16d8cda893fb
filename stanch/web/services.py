"""What the HTTP edge works with; the composition root fills it in, so that nothing here knows a connector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from temporalio.client import Client

from stanch.guards import GuardPolicy
from stanch.intake.config import Sources
from stanch.inventory import ApiInventory
from stanch.keys import Keys
from stanch.playbooks.library import PlaybookSet
from stanch.policy_state import PolicyState, PolicyUse, process_name, warnings_of
from stanch.ports import ChatPort, TicketPort
from stanch.records import Records
from stanch.routing import RouteTable
from stanch.secrets import key_file
from stanch.settings import Settings

API_TOKEN_FILE = "api.token"  # noqa: S105 - the name of the file, not the token


class Registry(Protocol):
    """The connectors of this deployment."""

    def tickets(self, name: str) -> TicketPort:
        """The tracker of that name.

        Raises:
            ConfigError: there is none.
        """
        ...

    def chat(self) -> ChatPort | None:
        """The chat system, where one is configured."""
        ...


class Rules(Protocol):
    """The policy as it is now."""

    @property
    def sources(self) -> Sources: ...

    @property
    def routes(self) -> RouteTable: ...

    @property
    def inventory(self) -> ApiInventory: ...

    @property
    def guards(self) -> GuardPolicy | None: ...

    @property
    def playbooks(self) -> PlaybookSet: ...


class Policy(Protocol):
    """Where the newest valid policy is, and what every process uses."""

    @property
    def current(self) -> Rules: ...

    @property
    def state(self) -> PolicyState: ...

    @property
    def fellows(self) -> Sequence[PolicyUse]: ...


@dataclass
class Services:
    """Everything the routes need.

    Args:
        trackers: names under which trackers may call back.
        login_token: logs in at the console once; empty turns that off.
        api_token: bearer token of the API; made in the data folder where none is given.
        stored_votes: votes that Temporal has taken while no worker answered, and when.
    """

    settings: Settings
    records: Records
    policy: Policy
    keys: Keys
    client: Client
    registry: Registry
    trackers: Sequence[str] = ()
    login_token: str = field(default="", repr=False)
    api_token: str = field(default="", repr=False)
    stored_votes: dict[tuple[str, ...], datetime] = field(default_factory=dict[tuple[str, ...], datetime], repr=False)

    def __post_init__(self) -> None:
        self.api_token = self.api_token or key_file(self.settings.data_dir / API_TOKEN_FILE)

    def policy_uses(self) -> tuple[PolicyUse, ...]:
        """What the processes of this deployment use, this one as it is now."""
        state, moment, own_name = self.policy.state, now(), process_name("web")
        own = PolicyUse(own_name, state.digest, state.problem, state.loaded_at, moment)
        others = [use for use in self.policy.fellows if use.process != own_name]
        return (own, *others)

    @property
    def policy_warnings(self) -> tuple[str, ...]:
        """What people should know of the policy in use; nothing where all is well."""
        return (*warnings_of(self.policy_uses(), now()), *self.policy.state.strangers)

    @property
    def chat_section(self) -> tuple[str, dict[str, Any]]:
        """Name and settings of the chat system; empty where there is none."""
        return next(iter(self.settings.chat.items()), ("", dict[str, Any]()))


async def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def now() -> datetime:
    return datetime.now(UTC)


Given = Annotated[Services, Depends(services_of)]
