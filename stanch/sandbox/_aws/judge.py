"""Decides requests as a web ACL does: statements, transformations and labels as AWS documents them. A simulator."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import posixpath
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from stanch.sandbox._aws.asked import Asked, Match, Verdict
from stanch.sandbox._aws.log_line import group as line_group
from stanch.shapes import is_list

Body = Mapping[str, Any]
Resolve = Callable[[str, str], Body]
COOKIE_BYTES = 8192


class Judge:
    """Keeps the counts of rate-based rules between requests."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def decide(self, acl: Body, asked: Asked, resolve: Resolve) -> Verdict:
        verdict = Verdict("ALLOW" if "Allow" in acl["DefaultAction"] else "BLOCK")
        for rule in _ordered(acl["Rules"]):
            referred = rule["Statement"].get("RuleGroupReferenceStatement")
            if referred is not None:
                group = resolve("RuleGroup", referred["ARN"])
                silent = "Count" in rule.get("OverrideAction", {})
                if self._group(group, rule, asked, resolve, verdict, silent=silent):
                    return verdict
            elif self._rule(acl, rule, asked, resolve, verdict):
                return verdict
        return verdict

    def _group(self, group: Body, top: Body, asked: Asked, resolve: Resolve, verdict: Verdict, *, silent: bool) -> bool:
        """Whether the group ends it; one whose reference counts goes on as if nothing had matched."""
        before, counted = Verdict(verdict.action), len(verdict.counted)
        rules = _ordered(group["Rules"])
        ended = next((rule for rule in rules if self._rule(group, rule, asked, resolve, verdict, top)), None)
        name, action = (str(ended["Name"]), verdict.action) if ended else ("", "")
        inside = tuple(verdict.counted[counted:])
        verdict.groups.append(line_group(str(group["ARN"]), ended=name, action=action, counted=inside))
        if ended is not None and silent:
            verdict.counted.append(str(top["Name"]))
            verdict.over.append(str(top["Name"]))
            verdict.action, verdict.rule, verdict.status, verdict.headers = before.action, "", before.status, {}
        elif ended is not None:
            verdict.group, verdict.top = str(group["Name"]), str(top["Name"])
        return ended is not None and not silent

    def _rule(
        self, owner: Body, rule: Body, asked: Asked, resolve: Resolve, verdict: Verdict, top: Body | None = None
    ) -> bool:
        test = _Test(asked, resolve, verdict.labels, lambda body: self._rate(owner, rule, body, asked))
        if not test.holds(rule["Statement"]):
            return False
        verdict.labels += [f"{owner['LabelNamespace']}{label['Name']}" for label in rule.get("RuleLabels", [])]
        action = next(iter(rule.get("Action", {"Count": {}})))
        verdict.matched.append(_match(owner, rule, action, top))
        if action == "Count":
            verdict.counted.append(str(rule["Name"]))
            verdict.over += [] if top else [str(rule["Name"])]
            return False
        verdict.action, verdict.rule = action.upper(), str(rule["Name"])
        response = rule["Action"][action].get("CustomResponse", {})
        verdict.status = int(response.get("ResponseCode", 403))
        verdict.headers = {item["Name"]: item["Value"] for item in response.get("ResponseHeaders", [])}
        return True

    def _rate(self, owner: Body, rule: Body, body: Body, asked: Asked) -> bool:
        key = _key(body, asked)
        if key is None:
            return False  # a request without the key is not counted
        now, window = time.monotonic(), float(body.get("EvaluationWindowSec", 300))
        times = self._seen.setdefault((f"{owner['ARN']}/{rule['Name']}", key), deque())
        times.append(now)
        while times[0] <= now - window:
            times.popleft()
        return len(times) > int(body["Limit"])


def _match(owner: Body, rule: Body, action: str, top: Body | None) -> Match:
    metrics = tuple(str(one["VisibilityConfig"]["MetricName"]) for one in (rule, top) if one)
    return Match(metrics, action.upper(), f"{owner['Name']}#{rule['Name']}" if top else "")


def _key(body: Body, asked: Asked) -> str | None:
    if body["AggregateKeyType"] == "IP":
        return asked.peer
    names = [key["Header"]["Name"] for key in body.get("CustomKeys", []) if "Header" in key]
    values = [asked.header(name) for name in names]
    return repr(values) if values and all(values) else None


def _ordered(rules: Sequence[Body]) -> list[Body]:
    return sorted(rules, key=lambda rule: int(rule["Priority"]))


@dataclass(frozen=True)
class _Test:
    asked: Asked
    resolve: Resolve
    labels: Sequence[str]
    rate: Callable[[Body], bool]

    def holds(self, statement: Body) -> bool:
        ((kind, body),) = statement.items()
        judge = cast("Callable[[Body], bool] | None", getattr(self, f"_{kind.removesuffix('Statement')}", None))
        return judge is not None and judge(body)  # what is not simulated (managed groups, countries) never matches

    def _And(self, body: Body) -> bool:
        return all(self.holds(one) for one in body["Statements"])

    def _Or(self, body: Body) -> bool:
        return any(self.holds(one) for one in body["Statements"])

    def _Not(self, body: Body) -> bool:
        return not self.holds(body["Statement"])

    def _LabelMatch(self, body: Body) -> bool:
        return any(label.endswith(f":{body['Key']}") for label in self.labels)

    def _RateBased(self, body: Body) -> bool:
        scope = body.get("ScopeDownStatement")
        return (scope is None or self.holds(scope)) and self.rate(body)

    def _IPSetReference(self, body: Body) -> bool:
        networks = [ipaddress.ip_network(text) for text in self.resolve("IPSet", body["ARN"])["Addresses"]]
        return any(address in network for address in self._addresses(body) for network in networks)

    def _addresses(self, body: Body) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        config = body.get("IPSetForwardedIPConfig")
        given = [self.asked.peer]
        if config is not None:
            text = b",".join(self.asked.header(config["HeaderName"])).decode("latin-1")
            given = [part.strip() for part in text.split(",")]
            given = {"FIRST": given[:1], "LAST": given[-1:], "ANY": given}[config["Position"]]
        for word in given:
            try:
                yield ipaddress.ip_address(word)
            except ValueError:
                continue

    def _ByteMatch(self, body: Body) -> bool:
        wanted, how = base64.b64decode(body["SearchString"]), body["PositionalConstraint"]
        compare: dict[str, Callable[[bytes], bool]] = {
            "EXACTLY": lambda value: value == wanted,
            "STARTS_WITH": lambda value: value.startswith(wanted),
            "ENDS_WITH": lambda value: value.endswith(wanted),
            "CONTAINS": lambda value: wanted in value,
        }
        return any(compare[how](value) for value in self._values(body))

    def _RegexMatch(self, body: Body) -> bool:
        pattern = re.compile(body["RegexString"].encode())
        return any(pattern.search(value) for value in self._values(body))

    def _values(self, body: Body) -> Iterator[bytes]:
        steps = [one["Type"] for one in sorted(body["TextTransformations"], key=lambda one: int(one["Priority"]))]
        for value in _fields(body["FieldToMatch"], self.asked):
            for step in steps:
                value = _TRANSFORM[step](value)
            yield value


def _fields(place: Body, asked: Asked) -> list[bytes]:
    ((kind, body),) = place.items()
    if kind == "SingleHeader":
        return asked.header(body["Name"])
    if kind == "Cookies":
        return _cookies(asked, body["MatchPattern"].get("IncludedCookies"))
    if kind == "JsonBody":
        return _json_values(asked.body, body["MatchPattern"].get("IncludedPaths", []))
    return {"UriPath": [asked.path], "QueryString": [asked.query], "Method": [asked.method.encode()]}.get(kind, [])


def _cookies(asked: Asked, names: Sequence[str] | None) -> list[bytes]:
    text = b"; ".join(asked.header("cookie"))[:COOKIE_BYTES]
    pairs = [part.strip().partition(b"=") for part in text.split(b";")]
    return [value for name, _, value in pairs if names is None or name.decode("latin-1") in names]


def _json_values(text: bytes, pointers: Sequence[str]) -> list[bytes]:
    try:
        document: Any = json.loads(text)
    except ValueError:
        return []  # the fallback that we use: NO_MATCH
    found = [_pointed(document, pointer) for pointer in pointers]
    return [str(one).encode() for one in found if isinstance(one, str | int)]


def _pointed(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(name)
        elif is_list(value) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _normalized(path: bytes) -> bytes:
    """Without repeated slashes, `.` and `..` segments."""
    tidy = re.sub(rb"/+", b"/", path)
    made = posixpath.normpath(tidy)
    return made + b"/" if tidy.endswith((b"/", b"/.", b"/..")) and made != b"/" else made


_TRANSFORM: Mapping[str, Callable[[bytes], bytes]] = {
    "NONE": lambda value: value,
    "LOWERCASE": lambda value: value.lower(),
    "URL_DECODE": lambda value: unquote_to_bytes(value.replace(b"+", b" ")),
    "NORMALIZE_PATH": _normalized,
    "SHA256": lambda value: hashlib.sha256(value).digest(),
}
