"""What a gateway must bring along to become an enforcement point: its section, its compiler, its log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from activities._access_log import LogView
from activities._edge.rules import Entry, Rules
from activities._envoy.policy import Dialect
from stanch.leases import BlockSpec
from stanch.ports import Check


class GatewaySection(BaseModel):
    """What the sections of all gateways have.

    Args:
        hosts: patterns of the hosts it serves (`*.example.com`); blocks for others are refused.
        base_url: where probes send their requests.
        access_log: its access log, one JSON object a line.
        canary_secret: key of the probe headers and of the digests in samples.
        ignore_case: the API behind it routes paths without regard to case.
        max_entries: most blocks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[str, ...] = Field(min_length=1)
    base_url: str
    access_log: Path
    canary_secret: SecretStr = Field(min_length=16)
    ignore_case: bool = False
    max_entries: int = Field(default=200, ge=1, le=2000)

    @property
    def secret(self) -> bytes:
        return self.canary_secret.get_secret_value().encode()


class EdgeSection(GatewaySection):
    """What the sections of gateways have that find claims in the text of a token.

    Args:
        token_header: request header that carries the token.
    """

    token_header: str = Field(default="authorization", pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")


@dataclass(frozen=True)
class Block:
    """What a gateway's compiler gets: what to deny, and the words that name it."""

    spec: BlockSpec
    name: str
    case_id: str
    canary: str
    seal: str
    count: bool


@dataclass(frozen=True)
class Gateway:
    """One kind of gateway.

    Args:
        title: its name in messages.
        compile_block: the entry that denies what a block names; raises Rejected where it cannot.
        read: requests since a time, newest first.
        checks: its own lines of `stanch doctor`.
        dialect: how its log is read: addresses, paths.
    """

    title: str
    rules: Rules
    compile_block: Callable[[Block], Entry]
    read: Callable[[datetime], LogView]
    checks: Callable[[], Sequence[Check]]
    dialect: Dialect
