"""Our rule groups and IP sets at AWS: read whole, written whole under their lock tokens, at the pace AWS allows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from activities._aws import LockConflict, NotThere, Taken, outcome
from activities._waf.lag import Recent
from activities._waf.members import UNKNOWN, carried, watch_unknown_members
from activities._waf.networks import plainly
from activities._waf.standing import Group, Standing
from stanch.errors import ConnectorError, Rejected, RetrySafe

Rule = Mapping[str, Any]
_LISTS = {"RuleGroup": ("list_rule_groups", "RuleGroups"), "IPSet": ("list_ip_sets", "IPSets")}
_GETS = {"RuleGroup": "get_rule_group", "IPSet": "get_ip_set"}
_UPDATES = {"RuleGroup": "update_rule_group", "IPSet": "update_ip_set"}
_NAMES = {"RuleGroup": r"-[0-9]{1,3}", "IPSet": r"-[0-9a-f]{16}-[0-9]+-v[46]"}
_PAGES = 50


@dataclass(frozen=True)
class Thing:
    """A rule group or IP set as it was read."""

    kind: str
    name: str
    id: str
    arn: str
    body: Mapping[str, Any]
    lock_token: str
    unknown: tuple[str, ...] = ()

    @cached_property
    def addresses(self) -> Mapping[str, str]:
        """Of a set: our spelling of each address to the one that stands there."""
        return {plainly(text): text for text in self.body.get("Addresses", ())}


@dataclass(frozen=True)
class Seen:
    """Everything of ours, and how many sets are not."""

    groups: Mapping[str, Thing]
    sets: Mapping[str, Thing]
    others: int

    def standing(self, prefix: str, *, withheld: Mapping[str, int]) -> Standing:
        """For planning; `withheld` is capacity that a group lacks although our own figures say otherwise."""
        groups = (
            Group(name, int(one.body["Capacity"]) - withheld.get(name, 0), tuple(one.body.get("Rules", ())))
            for name, one in sorted(self.groups.items())
        )
        sets = {name: frozenset(one.addresses) for name, one in self.sets.items()}
        arns = {name: one.arn for name, one in self.sets.items()}
        return Standing(prefix, tuple(groups), sets, arns, self.others)


class WafStore:
    """The rule groups and sets of one account, region and scope whose names begin with a prefix."""

    def __init__(self, client: Any, *, scope: str, prefix: str, pace: float) -> None:
        self._client = client
        self._scope = scope
        self._names = {kind: re.compile(re.escape(prefix) + rest, re.ASCII) for kind, rest in _NAMES.items()}
        self._pace = pace
        self._last: dict[str, float] = {}
        self._known: dict[str, Thing] = {}
        self._recent = Recent()
        self._carried = {kind: carried(client, kind) for kind in _GETS}
        for kind in _GETS:
            watch_unknown_members(client, f"Get{kind}")

    def read(self) -> Seen:
        """What stands, our own last writes with it.

        Raises:
            RetrySafe: AWS goes on showing what stood before them.
        """
        for _ in self._recent.tries():
            seen = self._read()
            every = [*seen.groups.values(), *seen.sets.values()]
            if self._recent.shown({one.arn: one.lock_token for one in every}):
                return seen
        raise RetrySafe("AWS does not show yet what was written last", retry_after=2.0)

    def _read(self) -> Seen:
        """Both lists, groups last since most is written there; what has a known lock token is not read again."""
        sets = list(self._list("IPSet"))
        ours = {one["Name"]: self._get("IPSet", one) for one in sets if self._mine("IPSet", one)}
        listed = [one for one in self._list("RuleGroup") if self._mine("RuleGroup", one)]
        groups = {one["Name"]: self._get("RuleGroup", one) for one in listed}
        return Seen(groups, ours, len(sets) - len(ours))

    def _mine(self, kind: str, summary: Mapping[str, Any]) -> bool:
        """By the whole name: what another point named `PREFIX-more` has is not ours."""
        return self._names[kind].fullmatch(summary["Name"]) is not None

    def create_group(self, name: str, capacity: int) -> Thing:
        """An empty rule group; in front of nothing yet, so that it changes nothing."""
        shown = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}
        request = {"Name": name, "Capacity": capacity, "Rules": [], "VisibilityConfig": shown}
        return self._create("RuleGroup", request)

    def create_set(self, name: str, number: int) -> Thing:
        """An empty set."""
        return self._create("IPSet", {"Name": name, "IPAddressVersion": f"IPV{number}", "Addresses": []})

    def write_rules(self, group: Thing, rules: Sequence[Rule]) -> Thing:
        return self._update(group, {"Rules": list(rules)})

    def write_addresses(self, one: Thing, addresses: frozenset[str]) -> Thing:
        """What stands already stays as it is spelled."""
        return self._update(one, {"Addresses": [one.addresses.get(text, text) for text in sorted(addresses)]})

    def delete_set(self, one: Thing) -> None:
        """Best effort: a set that nothing refers to does nothing, and the next turn tries again."""
        request = {"Name": one.name, "Scope": self._scope, "Id": one.id, "LockToken": one.lock_token}
        try:
            with outcome("DeleteIPSet", write=True):
                self._client.delete_ip_set(**request)
        except ConnectorError:
            return
        finally:
            self._recent.forget(one.arn)

    def weigh(self, rules: Sequence[Rule]) -> int:
        """Capacity units (WCU) of rules, by AWS itself."""
        with outcome("CheckCapacity", write=False):
            return int(self._client.check_capacity(Scope=self._scope, Rules=list(rules))["Capacity"])

    def _list(self, kind: str) -> Iterator[Mapping[str, Any]]:
        call, member = _LISTS[kind]
        marker: dict[str, str] = {}
        for _ in range(_PAGES):
            with outcome(f"List{kind}s", write=False):
                page = getattr(self._client, call)(Scope=self._scope, Limit=100, **marker)
                listed = page[member]
            yield from listed
            if not page.get("NextMarker"):
                return
            marker = {"NextMarker": page["NextMarker"]}
        raise RetrySafe(f"List{kind}s has more pages than we look through")  # not seen must not pass for not there

    def _get(self, kind: str, summary: Mapping[str, Any]) -> Thing:
        known = self._known.get(summary["ARN"])
        if known is not None and known.lock_token == summary["LockToken"]:
            return known
        place = {"Name": summary["Name"], "Scope": self._scope, "Id": summary["Id"]}
        try:
            with outcome(f"Get{kind}", write=False):
                answer = getattr(self._client, _GETS[kind])(**place)
                body, token = answer[kind], str(answer["LockToken"])
        except NotThere:
            raise RetrySafe(f"{kind} {summary['Name']} went away while it was read", retry_after=1.0) from None
        found = Thing(kind, place["Name"], place["Id"], summary["ARN"], body, token, answer.get(UNKNOWN, ()))
        self._known[found.arn] = found
        return found

    def _create(self, kind: str, request: Mapping[str, Any]) -> Thing:
        self._wait(f"Create{kind}")
        call = {"RuleGroup": "create_rule_group", "IPSet": "create_ip_set"}[kind]
        try:
            with outcome(f"Create{kind}", write=True):
                made = getattr(self._client, call)(Scope=self._scope, **request)["Summary"]
                summary = {name: str(made[name]) for name in ("Name", "Id", "ARN", "LockToken")}
        except Taken:
            raise LockConflict(f"somebody else made {kind} {request['Name']} at the same time") from None
        self._recent.made(summary["ARN"])
        body = {**request, **{name: summary[name] for name in ("Name", "Id", "ARN")}}
        return Thing(kind, summary["Name"], summary["Id"], summary["ARN"], body, summary["LockToken"])

    def _update(self, thing: Thing, change: Mapping[str, Any]) -> Thing:
        if thing.unknown:
            raise Rejected(
                f"{thing.kind} {thing.name} has members this version of botocore does not know",
                hint="an update would reset them; upgrade boto3",
            )
        self._wait(f"Update{thing.kind}")
        request = {name: thing.body[name] for name in self._carried[thing.kind] if name in thing.body}
        if not request.get("Description"):
            request.pop("Description", None)  # an empty one is returned by reads and refused by writes
        request |= {**change, "Scope": self._scope, "Id": thing.id, "Name": thing.name, "LockToken": thing.lock_token}
        try:
            with outcome(f"Update{thing.kind}", write=True):
                token = str(getattr(self._client, _UPDATES[thing.kind])(**request)["NextLockToken"])
        except NotThere:
            raise LockConflict(f"{thing.kind} {thing.name}, or what it refers to, went away") from None
        self._recent.replaced(thing.lock_token, token)
        return Thing(thing.kind, thing.name, thing.id, thing.arn, {**thing.body, **change}, token)

    def ready(self) -> None:
        """Wait, before a read, until updates may follow it at once: a token that has waited is an old one."""
        last = max((at for operation, at in self._last.items() if operation.startswith("Update")), default=0.0)
        time.sleep(max(0.0, last + self._pace - time.monotonic()))

    def _wait(self, operation: str) -> None:
        """Keep the pace that AWS sets for each kind of update, rather than be refused and begin anew."""
        since = time.monotonic() - self._last.get(operation, -self._pace)
        if since < self._pace:
            time.sleep(self._pace - since)
        self._last[operation] = time.monotonic()
