"""What a section of stanch.toml declares of a device: where it is, who we are, and its requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from activities._addresses import https_address
from stanch.devices import HOLE, params_of

Kind = Literal["text", "integer", "boolean", "address", "host", "path", "label"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
SUBJECTS: Mapping[str, Kind] = {
    "host": "host",
    "path": "path",
    "ip": "address",
    "user_id": "text",
    "client_id": "text",
    "token_id": "text",
}
OURS: Mapping[str, Kind] = {"key": "text", "case": "text"}
_OPEN = re.compile(r"[{}]")
_OWN_HEADERS = frozenset({"host", "content-type", "content-length", "idempotency-key", "transfer-encoding"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Ask(_Part):
    """One request.

    Args:
        path: after the device's address; `{name}` is one segment of it or a part of one.
        query: names and values, `{param = "name"}` where a value comes from the call.
        body: sent as JSON, with `{param = "name"}` wherever a value comes from the call. Texts are sent as they stand.
        expect: statuses that mean done.
    """

    method: Method = "POST"
    path: str = Field(pattern=r"^/[^?#\s]*$", max_length=512)
    query: dict[str, Any] = Field(default_factory=dict)
    body: Any = None
    expect: tuple[int, ...] = Field(default=(200, 201, 202, 204), min_length=1)

    @field_validator("path")
    @classmethod
    def _clean(cls, value: str) -> str:
        if _OPEN.search(HOLE.sub("", value)) or "//" in value or any(part in (".", "..") for part in value.split("/")):
            raise ValueError("has a brace that opens no name, an empty segment or dots")
        return value

    @field_validator("expect")
    @classmethod
    def _answered(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(not (200 <= status < 300 or 400 <= status < 500) or status in (401, 403, 408, 429) for status in value):
            raise ValueError("may hold 2xx, 404, 409, 410 and their like only")
        return value

    def names(self) -> set[str]:
        """What it needs from the call."""
        return {*HOLE.findall(self.path), *params_of(self.query), *params_of(self.body)}


class Look(Ask):
    """The request that shows whether the change stands.

    Args:
        absent: statuses that mean it does not.
        stands: JMESPath over the answer; true where the change stands. Without it any answer means so.
        key: JMESPath to our `key`, as the device keeps it; tells our change from another's.
        keep: names for the inverse, by JMESPath.
    """

    method: Method = "GET"
    expect: tuple[int, ...] = Field(default=(200,), min_length=1)
    absent: tuple[int, ...] = (404,)
    stands: str = ""
    key: str = ""
    keep: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _readable(self) -> Self:
        for expression in (self.stands, self.key, *self.keep.values()):
            _compiled(expression)
        return self


class Listing(Ask):
    """The request that lists what stands; `names` is JMESPath to the names that we gave."""

    method: Method = "GET"
    expect: tuple[int, ...] = Field(default=(200,), min_length=1)
    entries: str

    @field_validator("entries")
    @classmethod
    def _readable(cls, value: str) -> str:
        _compiled(value)
        return value


class Device(_Part):
    """What every device declares.

    Args:
        url: its address; `{name}` in the host name only, for a parameter of kind `label`.
        allow: the only host names that may be called, `*.` in front for one label; needed where `url` has a name in it.
        networks: the only networks its address may be in; none named means public addresses only.
        secret: Standard Webhooks secret (`whsec_...`) that signs each request.
        headers: further headers, such as the device's own credential.
        ca_file: certificates of a private authority to trust instead of the system's.
        timeout, connect_timeout: seconds; `timeout` is for the whole answer.
        max_bytes: of an answer.
        settle: seconds in which a change must show.
    """

    url: str
    allow: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    secret: SecretStr
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    ca_file: str = ""
    timeout: float = Field(default=10.0, gt=0, le=20)
    connect_timeout: float = Field(default=3.0, gt=0, le=10)
    max_bytes: int = Field(default=65536, ge=1024, le=1048576)
    settle: float = Field(default=5.0, ge=0, le=20)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        shown = HOLE.sub("x", value)
        https_address(shown, "https://firewall.example.com/api")
        host = re.sub(r"^https?://", "", value).partition("/")[0]
        if _OPEN.search(shown) or len(HOLE.findall(value)) != len(HOLE.findall(host)):
            raise ValueError("names of parameters may stand in the host name only")
        return value.rstrip("/")

    @field_validator("networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        import ipaddress

        for text in value:
            ipaddress.ip_network(text)
        return value

    @field_validator("headers")
    @classmethod
    def _own(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, text in value.items():
            taken = name.lower() in _OWN_HEADERS or name.lower().startswith("webhook-")
            if taken or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name) or not _plain(text.get_secret_value()):
                raise ValueError("a header has a name that Stanch writes itself, or characters no header may have")
        return value

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        if HOLE.search(self.url) and not self.allow:
            raise ValueError("`allow` must say which host names `url` may lead to")
        return self


class WebhookConfig(Device):
    """Section `[webhooks.NAME]` of kind `webhook`.

    Args:
        parameters: names that a call may give in `values`, and their kinds.
        apply: makes the change.
        verify: shows it.
        inverse: takes it back; without one only `webhook.once` may use the section.
        undo: how `inverse` takes it back: A removes what `apply` made, B restores, C flips back.
    """

    parameters: dict[str, Kind] = Field(default_factory=dict)
    apply: Ask
    verify: Look
    inverse: Ask | None = None
    undo: Literal["A", "B", "C"] = "A"

    @property
    def sent(self) -> set[str]:
        """Names that reach the device with the change."""
        return self.apply.names() | set(HOLE.findall(self.url))

    @model_validator(mode="after")
    def _known(self) -> Self:
        kinds = {**SUBJECTS, **OURS, **self.parameters}
        if (taken := {*self.parameters} & {*SUBJECTS, *OURS}) or (taken := {*self.verify.keep} & {*kinds}):
            raise ValueError(f"{min(taken)} has a meaning already")
        _only(self.apply.names() | self.verify.names(), {*kinds})
        _only(self.inverse.names() if self.inverse else set(), {*kinds, *self.verify.keep})
        labels = {name for name, kind in kinds.items() if kind == "label"}
        _only(set(HOLE.findall(self.url)), labels)
        return self


def _only(used: set[str], known: set[str]) -> None:
    if used - known:
        raise ValueError(f"{min(used - known)} is not declared under `parameters`")


def _compiled(expression: str) -> None:
    try:
        if expression:
            jmespath.compile(expression)
    except JMESPathError:
        raise ValueError("has a JMESPath that cannot be read") from None


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
