"""The strict WAFv2 state: entities with lock tokens, references between them, and what they protect."""

from __future__ import annotations

import ipaddress
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from stanch.sandbox._aws import rules
from stanch.sandbox._aws.shapes import AwsError, invalid, members

KINDS = {"WebACL": "webacl", "RuleGroup": "rulegroup", "IPSet": "ipset", "RegexPatternSet": "regexpatternset"}
ACL_CAPACITY = 5000
PER_KIND = 100
ADDRESSES = 10_000
STATES = 200  # so many are kept for what has not arrived everywhere yet
GROUP_REFERENCES = 50
GROUP_RATES = 4
_FIREWALL_MANAGERS = ("PreProcessFirewallManagerRuleGroups", "PostProcessFirewallManagerRuleGroups")
_NEVER_STORED = frozenset({"Scope", "LockToken", "Tags"})


@dataclass
class Entity:
    """One named object of WAFv2."""

    kind: str
    scope: str
    name: str
    id: str
    arn: str
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    lock_token: str = ""
    tags: dict[str, str] = field(default_factory=dict[str, str])

    def summary(self) -> dict[str, str]:
        shown = {"Name": self.name, "Id": self.id, "ARN": self.arn, "LockToken": self.lock_token}
        return shown | {"Description": str(self.body.get("Description", ""))}


Kept = tuple[Mapping[str, Any], str]  # body and lock token


class Store:
    """All entities of one account and region. Not safe for threads; the front holds a lock around each call."""

    def __init__(self, *, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._entities: list[Entity] = []
        self.protected: dict[str, Entity] = {}  # resource ARN -> web ACL
        self.logged: dict[str, dict[str, Any]] = {}  # web ACL ARN -> logging configuration
        self._states: list[tuple[float, dict[str, Kept]]] = []

    def all(self, kind: str, scope: str) -> list[Entity]:
        found = [entity for entity in self._entities if (entity.kind, entity.scope) == (kind, scope)]
        return sorted(found, key=lambda entity: entity.name)

    def by_arn(self, arn: str, kind: str = "") -> Entity:
        for entity in self._entities:
            if entity.arn == arn and kind in ("", entity.kind):
                return entity
        raise AwsError("WAFNonexistentItemException", "no such object")

    def get(self, kind: str, request: Mapping[str, Any]) -> Entity:
        if "ARN" in request:
            return self.by_arn(str(request["ARN"]), kind)
        for entity in self._entities:
            if (entity.kind, entity.scope, entity.name, entity.id) == (
                kind,
                request.get("Scope"),
                request.get("Name"),
                request.get("Id"),
            ):
                return entity
        raise AwsError("WAFNonexistentItemException", f"no such {kind}")

    def create(self, kind: str, request: Mapping[str, Any]) -> Entity:
        scope, name = str(request["Scope"]), str(request["Name"])
        if any(entity.name == name for entity in self.all(kind, scope)):
            raise AwsError("WAFDuplicateItemException", f"there is a {kind} of that name")
        if len(self.all(kind, scope)) >= PER_KIND:
            raise AwsError("WAFLimitsExceededException", f"too many objects of kind {kind}")
        identity = str(uuid.uuid4())
        entity = Entity(kind, scope, name, identity, self._arn(kind, scope, f"{name}/{identity}"))
        entity.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        self._fill(entity, request)
        self._entities.append(entity)
        self._keep()
        return entity

    def update(self, kind: str, request: Mapping[str, Any]) -> Entity:
        """Replace everything that an update can set; members left out go back to their defaults."""
        entity = self._locked(kind, request)
        self._fill(entity, request)
        self._keep()
        return entity

    def delete(self, kind: str, request: Mapping[str, Any]) -> Entity:
        entity = self._locked(kind, request)
        if entity in self.protected.values() or entity.arn in self._referenced():
            raise AwsError("WAFAssociatedItemException", f"the {kind} is in use")
        self._entities.remove(entity)
        self._keep()
        return entity

    def past(self, moment: float) -> Mapping[str, Mapping[str, Any]]:
        """Every object by ARN as it was at a moment of the monotonic clock."""
        return {arn: body for arn, (body, _) in self._at(moment).items()}

    def was(self, entity: Entity, moment: float) -> Entity | None:
        """An object as a read that lags behind shows it; None where it was not there yet."""
        known = self._at(moment).get(entity.arn)
        return None if known is None else replace(entity, body=dict(known[0]), lock_token=known[1])

    def _at(self, moment: float) -> Mapping[str, Kept]:
        known = [state for at, state in self._states if at <= moment]
        return known[-1] if known else {}

    def _keep(self) -> None:
        """An update never changes a body, it makes a new one, so that the bodies themselves may be kept."""
        state: dict[str, Kept] = {entity.arn: (entity.body, entity.lock_token) for entity in self._entities}
        self._states = [*self._states[-STATES:], (time.monotonic(), state)]

    def resolve(self, kind: str, arn: str) -> Mapping[str, Any]:
        return self.by_arn(arn, kind).body

    def _locked(self, kind: str, request: Mapping[str, Any]) -> Entity:
        entity = self.get(kind, request)
        if request["LockToken"] != entity.lock_token:
            raise AwsError("WAFOptimisticLockException", "somebody changed the object since its token was read")
        return entity

    def _arn(self, kind: str, scope: str, rest: str) -> str:
        place = "regional" if scope == "REGIONAL" else "global"
        return f"arn:aws:wafv2:{self._region}:{self._account}:{place}/{KINDS[kind]}/{rest}"

    def _fill(self, entity: Entity, request: Mapping[str, Any]) -> None:
        asked = {name: deepcopy(value) for name, value in request.items() if name not in _NEVER_STORED}
        fixed = {"Name": entity.name, "Id": entity.id, "ARN": entity.arn}
        if "IPAddressVersion" in entity.body:
            fixed["IPAddressVersion"] = entity.body["IPAddressVersion"]  # chosen once
        body = {"Description": "", **asked, **fixed}
        if entity.kind in ("WebACL", "RuleGroup"):
            body.setdefault("Rules", [])
            self._fill_rules(entity, body)
        elif entity.kind == "IPSet":
            _check_addresses(body)
        else:
            _check_patterns(body)
        entity.body = {name: value for name, value in body.items() if name in members(entity.kind)}
        entity.lock_token = str(uuid.uuid4())

    def _fill_rules(self, entity: Entity, body: dict[str, Any]) -> None:
        in_group = entity.kind == "RuleGroup"
        bodies = body.get("CustomResponseBodies", {})
        rules.validate(body["Rules"], resolve=self.resolve, in_group=in_group, bodies=bodies)
        if in_group:
            _check_quotas(body["Rules"])
        used = rules.capacity(body["Rules"], self.resolve)
        # The capacity of a rule group is chosen once; that of a web ACL follows its rules.
        limit = int(entity.body.get("Capacity", body.get("Capacity", 0))) if in_group else ACL_CAPACITY
        if used > limit:
            raise AwsError("WAFLimitsExceededException", "the rules need more capacity units than there are")
        body["Capacity"] = limit if in_group else used
        body["LabelNamespace"] = f"awswaf:{self._account}:{KINDS[entity.kind]}:{entity.name}:"
        if not in_group:
            body["ManagedByFirewallManager"] = entity.body.get("ManagedByFirewallManager", False)
            body |= {name: entity.body[name] for name in _FIREWALL_MANAGERS if name in entity.body}

    def _referenced(self) -> set[str]:
        return {arn for entity in self._entities for arn in _references(entity.body)}


def _references(body: Mapping[str, Any]) -> Iterator[str]:
    for rule in body.get("Rules", []):
        for _, statement in rules.leaves(rule["Statement"]):
            if "ARN" in statement:
                yield str(statement["ARN"])


def _check_quotas(given: list[Mapping[str, Any]]) -> None:
    kinds = [kind for rule in given for kind, _ in rules.leaves(rule["Statement"])]
    rated = sum("RateBasedStatement" in rule["Statement"] for rule in given)
    if sum(kind.endswith("SetReferenceStatement") for kind in kinds) > GROUP_REFERENCES:
        raise AwsError("WAFLimitsExceededException", "a rule group refers to sets 50 times at most")
    if rated > GROUP_RATES:
        raise AwsError("WAFLimitsExceededException", "a rule group has 4 rate-based rules at most")


def _check_addresses(body: dict[str, Any]) -> None:
    """IPv6 is kept written out in full, however it was sent."""
    if len(body["Addresses"]) > ADDRESSES:
        raise AwsError("WAFLimitsExceededException", "an IP set holds 10,000 addresses")
    version = 4 if body["IPAddressVersion"] == "IPV4" else 6
    for text in body["Addresses"]:
        if not _is_block(str(text), version):
            raise invalid("not an address block of that version", "IP_ADDRESS")
    if version == 6:
        body["Addresses"] = list(dict.fromkeys(ipaddress.ip_network(text).exploded for text in body["Addresses"]))


def _is_block(text: str, version: int) -> bool:
    try:
        network = ipaddress.ip_network(text)  # one with host bits is refused
    except ValueError:
        return False
    return "/" in text and network.version == version and network.prefixlen > 0


def _check_patterns(body: Mapping[str, Any]) -> None:
    if len(body["RegularExpressionList"]) > 10:
        raise AwsError("WAFLimitsExceededException", "a pattern set holds 10 expressions")
    for item in body["RegularExpressionList"]:
        try:
            re.compile(item["RegexString"])
        except re.error:
            raise invalid("not a regular expression", "REGEX_PATTERN") from None
