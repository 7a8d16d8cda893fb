"""What an effect would touch, in canonical form, whether it comes as a lease or as an action's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any, TypeVar

from pydantic import ValidationError

from stanch.guards import targets
from stanch.leases import COUNT, BlockSpec, KeySpec, LeaseSpec, LimitSpec, MemberSpec, Principal, SuspendSpec
from stanch.shapes import is_items, is_mapping
from stanch.views import ActorView

_T = TypeVar("_T")
_LEAST_IPV4, _MOST_IPV4 = 1 << 24, (1 << 32) - 1  # below is 0.0.0.0/8, which nobody has
BLOCKS = frozenset({"block.scope", "block.ip", "block.count", "limit.rate"})
TIMED = BLOCKS | {"user.suspend", "key.disable", "apigw.remove_key_from_plan", "list.add"}
WHOLE_HOST = frozenset({"policy.attach", "waf.associate"})
_RESTORES = {"policy.relax", "policy.detach", "apigw.restore", "waf.dissociate", "waf.disable_logging", "webhook.undo"}
REMOVES = _RESTORES | {"block.lift", "user.resume", "key.enable", "apigw.return_key_to_plan", "list.remove"}


@dataclass(frozen=True)
class Touch:
    """Everything an effect reaches.

    Args:
        claims: values of token claims; any of them may be the name of a user, client or token, or of a whole tenant.
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
    claims: tuple[str, ...] = ()
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
    if isinstance(spec, KeySpec):
        return _read({"client key": [spec.key_id]}, timed=True)
    denies = isinstance(spec, LimitSpec) or (isinstance(spec, BlockSpec) and spec.effect != COUNT)
    return _read(_block(spec), denies=denies, timed=True)


def touch_of_action(name: str, params: Mapping[str, Any], *, host: str = "") -> Touch:
    """What an action reaches, from the names of its parameters; `host` where these do not name it."""
    if name in BLOCKS:
        denies = name != "block.count"
        try:
            ips = [*_list(params.get("ips")), *_list(params.get("ip"))]
            given = {key: params[key] for key in ("host", "path", "principal") if params.get(key) is not None}
            return _read(
                _block(BlockSpec.model_validate({"host": host, **given, "ips": ips})), denies=denies, timed=True
            )
        except ValidationError:
            return Touch(unreadable=("parameters",), denies=denies, timed=True)
    if name == "list.add":
        return _member(params)
    hosts = [*_list(params.get("hosts")), *(_list(params.get("host")) or _list(host or None))]
    if name in WHOLE_HOST and not hosts:
        return Touch(unreadable=("host (it is not known which one is served)",))
    given = {"host": hosts, "user": _list(params.get("user_id")), "client": _list(params.get("client_id"))}
    given |= {"client key": _list(params.get("key_id"))}
    given |= {"token": [*_list(params.get("token_id")), *_list(params.get("session_id"))]}
    given |= {"address": _list(params.get("ip")), "path": _list(params.get("path"))}
    loose = params.get("values")
    return _read(_with_loose(given, loose) if is_mapping(loose) else given, timed=name in TIMED)


def _with_loose(given: Mapping[str, list[str]], loose: Mapping[Any, Any]) -> dict[str, list[str]]:
    """The same, and values of which only another device knows what they name: each is judged as all it may be."""
    values = [value for value in loose.values() if isinstance(value, str | int) and not isinstance(value, bool)]
    texts = [str(value) for value in values if str(value).strip()]
    addresses = [found for value in values if (found := _address_in(value))]
    return {
        **given,
        "user": [*given["user"], *texts],
        "client": [*given["client"], *texts],
        "token": [*given["token"], *texts],
        "address": [*given["address"], *addresses],
    }


def _address_in(value: str | int) -> str:
    """The address or network that a value may be, also as the number by which some devices know IPv4; else empty."""
    if isinstance(value, int):
        return str(IPv4Address(value)) if _LEAST_IPV4 <= value <= _MOST_IPV4 else ""
    try:
        targets.addresses(value)
    except ValueError:
        return ""
    return value


def _member(params: Mapping[str, Any]) -> Touch:
    """A member of a list alone; what it denies together with the other list is judged in pairs."""
    try:
        given = {key: params[key] for key in ("list", "host", "path", "principal") if params.get(key) is not None}
        return touch_of(MemberSpec.model_validate({**given, "ips": _list(params.get("ip"))}))
    except ValidationError:
        return Touch(unreadable=("parameters",), timed=True)


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


def _block(spec: BlockSpec | LimitSpec | MemberSpec) -> dict[str, list[str]]:
    who = spec.principal or Principal()
    nowhere = isinstance(spec, MemberSpec) and not spec.host
    return {
        "host": [] if nowhere else [spec.host],
        "path": [] if nowhere else [spec.path],
        "address": list(spec.ips),
        "user": _given(who.user_id),
        "client": _given(who.client_id),
        "client key": _given(who.api_key),
        "token": [*_tokens(who), *(one.sha256 for one in (who.header, who.cookie) if one is not None)],
        "claim": list((who.jwt_claims or {}).values()),
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
        claims=reader.read("claim", targets.name),
        unreadable=tuple(dict.fromkeys(reader.failed)),
        denies=denies,
        timed=timed,
    )
