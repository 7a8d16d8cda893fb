"""What an effect would touch, in canonical form, whether it comes as a lease or as an action's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from stanch.guards import targets
from stanch.leases import BlockSpec, LeaseSpec, LimitSpec, Principal, SuspendSpec
from stanch.shapes import is_items
from stanch.views import ActorView

_T = TypeVar("_T")
BLOCKS = frozenset({"block.scope", "block.ip", "limit.rate"})
TIMED = frozenset({"block.scope", "block.ip", "limit.rate", "user.suspend"})
WHOLE_HOST = frozenset({"policy.attach", "waf.associate"})
REMOVES = frozenset({"block.lift", "user.resume", "policy.relax", "policy.detach"}) | {
    *("waf.dissociate", "waf.disable_logging")
}


@dataclass(frozen=True)
class Touch:
    """Everything an effect reaches.

    Args:
        behind: users who are known to use a token or an address of it, though it does not name them.
        unreadable: words for what could not be understood; nothing that is not understood is done.
        denies: it denies requests by host and path, so that its width matters.
        timed: it must say when it ends.
    """

    hosts: tuple[str, ...] = ()
    path: targets.Pattern | None = None
    addresses: tuple[targets.Range, ...] = ()
    users: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    denies: bool = False
    timed: bool = False

    @property
    def by_principal(self) -> bool:
        """Narrowed to somebody in particular."""
        return bool(self.users or self.clients or self.tokens)


def touch_of(spec: LeaseSpec) -> Touch:
    """What a lease reaches."""
    if isinstance(spec, SuspendSpec):
        return _read({"user": [spec.user_id]}, timed=True)
    return _read(_block(spec), denies=True, timed=True)


def touch_of_action(name: str, params: Mapping[str, Any], *, host: str = "") -> Touch:
    """What an action reaches, from the names of its parameters; `host` where these do not name it."""
    if name in BLOCKS:
        try:
            ips = [*_list(params.get("ips")), *_list(params.get("ip"))]
            given = {key: params[key] for key in ("host", "path", "principal") if params.get(key) is not None}
            return _read(_block(BlockSpec.model_validate({"host": host, **given, "ips": ips})), denies=True, timed=True)
        except ValidationError:
            return Touch(unreadable=("parameters",), denies=True, timed=True)
    hosts = [*_list(params.get("hosts")), *(_list(params.get("host")) or _list(host or None))]
    if name in WHOLE_HOST and not hosts:
        return Touch(unreadable=("host (it is not known which one is served)",))
    given = {"host": hosts, "user": _list(params.get("user_id")), "client": _list(params.get("client_id"))}
    given |= {"client key": _list(params.get("key_id"))}
    given |= {"token": [*_list(params.get("token_id")), *_list(params.get("session_id"))]}
    return _read(given | {"address": _list(params.get("ip")), "path": _list(params.get("path"))}, timed=name in TIMED)


def with_actor(touch: Touch, actor: ActorView | None) -> Touch:
    """The same, and the actor's user where a token or an address of the actor is reached: blocking it blocks them."""
    if actor is None or not actor.user_id:
        return touch
    theirs = _read({"user": [actor.user_id], "token": _tokens(actor), "address": _given(actor.ip)})
    reached = any(token in touch.tokens for token in theirs.tokens)
    reached |= any(mine.overlaps(address) for mine in touch.addresses for address in theirs.addresses)
    return replace(touch, behind=theirs.users) if reached else touch


def _tokens(who: ActorView | Principal) -> list[str]:
    return [token for token in (who.token_id, who.token_hash, who.session_id) if token is not None]


def _block(spec: BlockSpec | LimitSpec) -> dict[str, list[str]]:
    who = spec.principal or Principal()
    return {
        "host": [spec.host],
        "path": [spec.path],
        "address": list(spec.ips),
        "user": _given(who.user_id),
        "client": _given(who.client_id),
        "token": [*_tokens(who), *(one.sha256 for one in (who.header, who.cookie) if one is not None)],
    }


def _given(value: str | None) -> list[str]:
    return [] if value is None else [value]


def _list(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [str(item) for item in value] if is_items(value) else [str(value)]


@dataclass
class _Reader:
    given: Mapping[str, Sequence[str]]
    failed: list[str] = field(default_factory=list[str])

    def read(self, what: str, parse: Callable[[str], _T]) -> tuple[_T, ...]:
        found: list[_T] = []
        for text in self.given.get(what, ()):
            try:
                found.append(parse(text))
            except ValueError:
                self.failed.append(what)
        return tuple(found)


def _read(given: Mapping[str, Sequence[str]], *, denies: bool = False, timed: bool = False) -> Touch:
    reader = _Reader(given)
    return Touch(
        hosts=reader.read("host", targets.host_name),
        path=next(iter(reader.read("path", targets.path_pattern)), None),
        addresses=reader.read("address", targets.addresses),
        users=reader.read("user", targets.name),
        clients=reader.read("client", targets.name) + reader.read("client key", targets.name),
        tokens=reader.read("token", targets.name),
        unreadable=tuple(dict.fromkeys(reader.failed)),
        denies=denies,
        timed=timed,
    )
