"""Patch operations of API Gateway: which paths each resource allows with which operation; all others are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stanch.sandbox._apigw.protocol import bad

Apply = Callable[[dict[str, Any], tuple[str, ...], str], None]
_BOOL = {"true": True, "false": False}
_CLEARED = ("/requestValidatorId",)  # replaced with nothing, it is cleared


def unescaped(token: str) -> str:
    """A JSON Pointer token (RFC 6901) as it was written."""
    return token.replace("~1", "/").replace("~0", "~")


def apply_all(
    target: dict[str, Any], operations: Sequence[Mapping[str, str]], allowed: Sequence[tuple[str, str, Apply]]
) -> None:
    """Apply in order; nothing is changed where one of them is refused (the caller hands over a copy)."""
    if not operations:
        raise bad("no patch operations were given")
    for item in operations:
        op, path = item.get("op", ""), item.get("path", "")
        if op in ("replace", "add") and "value" not in item and path not in _CLEARED:
            raise bad(f"a value is needed for {op} {path}")
        for ops, pattern, do in allowed:
            found = re.fullmatch(pattern, path) if op in ops.split() else None
            if found is not None:
                do(target, tuple(unescaped(group) for group in found.groups()), item.get("value", ""))
                break
        else:
            raise bad(f"Invalid patch path {path} for {op}")


def setting(name: str, read: Callable[[str], Any] = str) -> Apply:
    """Set a plain member."""

    def do(target: dict[str, Any], _groups: tuple[str, ...], value: str) -> None:
        target[name] = read(value)

    return do


def boolean(text: str) -> bool:
    if text not in _BOOL:
        raise bad(f"not a boolean: {text}")
    return _BOOL[text]


def rate(text: str) -> float:
    """A limit; AWS gives them out with a decimal point."""
    try:
        value = float(text)
    except ValueError:
        raise bad(f"not a number: {text}") from None
    if not 0 <= value < 1e9:
        raise bad("a limit is a number from 0 on")
    return value


def whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise bad(f"not a whole number: {text}")
    return int(text)


def dropping(name: str) -> Apply:
    """Take a plain member out."""

    def do(target: dict[str, Any], _groups: tuple[str, ...], _value: str) -> None:
        if target.pop(name, None) is None:
            raise bad(f"there is no {name} to remove")

    return do


def in_map(name: str, read: Callable[[str], Any] = str) -> Apply:
    """Set one entry of a map."""

    def do(target: dict[str, Any], groups: tuple[str, ...], value: str) -> None:
        target.setdefault(name, {})[groups[0]] = read(value)

    return do


def out_of_map(name: str) -> Apply:
    def do(target: dict[str, Any], groups: tuple[str, ...], _value: str) -> None:
        if target.get(name, {}).pop(groups[0], None) is None:
            raise bad(f"there is no {groups[0]} in {name}")

    return do


_SETTINGS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "throttling/rateLimit": ("throttlingRateLimit", rate),
    "throttling/burstLimit": ("throttlingBurstLimit", whole),
    "metrics/enabled": ("metricsEnabled", boolean),
    "logging/loglevel": ("loggingLevel", str),
    "logging/dataTrace": ("dataTraceEnabled", boolean),
    "caching/enabled": ("cachingEnabled", boolean),
    "caching/ttlInSeconds": ("cacheTtlInSeconds", whole),
    "caching/dataEncrypted": ("cacheDataEncrypted", boolean),
    "caching/requireAuthorizationForCacheControl": ("requireAuthorizationForCacheControl", boolean),
    "caching/unauthorizedCacheControlHeaderStrategy": ("unauthorizedCacheControlHeaderStrategy", str),
}
FRESH_SETTING: Mapping[str, Any] = {
    "metricsEnabled": False,
    "loggingLevel": "OFF",
    "dataTraceEnabled": False,
    "throttlingBurstLimit": 5000,
    "throttlingRateLimit": 10000.0,
    "cachingEnabled": False,
    "cacheTtlInSeconds": 300,
    "cacheDataEncrypted": False,
    "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}


def _method_setting(target: dict[str, Any], groups: tuple[str, ...], value: str) -> None:
    path, method, inner = groups
    name, parse = _SETTINGS[inner]
    target["methodSettings"].setdefault(_setting_key(path, method), dict(FRESH_SETTING))[name] = parse(value)


def _no_method_setting(target: dict[str, Any], groups: tuple[str, ...], _value: str) -> None:
    if target["methodSettings"].pop(_setting_key(*groups), None) is None:
        raise bad("there is no such method setting")


def _setting_key(path: str, method: str) -> str:
    """As AWS names it in the map: `~1pets/GET`."""
    return f"{path.replace('/', '~1')}/{method}"


def _validator(target: dict[str, Any], _groups: tuple[str, ...], value: str) -> None:
    target["requestValidatorId"] = value or None


_KEY = r"/(\*|~1(?:[^/~]|~1|~0)*)/(\*|[A-Z]+)"
_POINT = r"((?:[^/~]|~1|~0)+)"
KEY = (
    ("replace", "/enabled", setting("enabled", boolean)),
    ("replace", "/name", setting("name")),
    ("replace", "/description", setting("description")),
)
STAGE = (
    ("replace", rf"{_KEY}/({'|'.join(_SETTINGS)})", _method_setting),
    ("remove", _KEY, _no_method_setting),
    ("replace", "/description", setting("description")),
    ("replace", "/deploymentId", setting("deploymentId")),
)
API = (
    ("replace", "/policy", setting("policy")),
    ("replace", "/description", setting("description")),
    ("replace", "/disableExecuteApiEndpoint", setting("disableExecuteApiEndpoint", boolean)),
)
METHOD = (
    ("replace", "/authorizationType", setting("authorizationType")),
    ("replace", "/authorizerId", setting("authorizerId")),
    ("replace", "/apiKeyRequired", setting("apiKeyRequired", boolean)),
    ("replace", "/requestValidatorId", _validator),
    ("add replace", f"/requestModels/{_POINT}", in_map("requestModels")),
    ("remove", f"/requestModels/{_POINT}", out_of_map("requestModels")),
    ("add replace", f"/requestParameters/{_POINT}", in_map("requestParameters", boolean)),
    ("remove", f"/requestParameters/{_POINT}", out_of_map("requestParameters")),
)


def _throttle(name: str, read: Callable[[str], Any]) -> Apply:
    def do(target: dict[str, Any], _groups: tuple[str, ...], value: str) -> None:
        target.setdefault("throttle", {"rateLimit": 0.0, "burstLimit": 0})[name] = read(value)

    return do


def _stage_in(target: dict[str, Any], _groups: tuple[str, ...], value: str) -> None:
    api, _, stage = value.partition(":")
    target["apiStages"].append({"apiId": api, "stage": stage})


PLAN = (
    ("replace", "/throttle/rateLimit", _throttle("rateLimit", rate)),
    ("replace", "/throttle/burstLimit", _throttle("burstLimit", whole)),
    ("remove", "/throttle", dropping("throttle")),
    ("add", "/apiStages", _stage_in),
    ("replace", "/name", setting("name")),
)
