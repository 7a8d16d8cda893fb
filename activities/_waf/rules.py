"""Our rules in somebody else's web ACL, as pure functions: names, shapes, edits and digests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stanch.errors import Rejected

OWNER = "stanch"
_KEY_LENGTH = 8
_CASE_LENGTH = 48
_ID = re.compile(r"(?P<acl>[\w\-]{1,128})/(?P<prefix>stanch-[\w\-]{1,100}-)(?P<foreign>(=[\w\-]{1,128})*)", re.ASCII)

Rule = Mapping[str, Any]


class Mode(StrEnum):
    """What a managed group does to a request that matches."""

    COUNT = "count"
    BLOCK = "block"

    @property
    def override(self) -> dict[str, dict[str, str]]:
        """The WAFv2 OverrideAction; `None` means that the group's own actions apply."""
        return {"Count": {}} if self is Mode.COUNT else {"None": {}}


def mode_of(word: str) -> Mode:
    """The mode named by a playbook.

    Raises:
        Rejected: it is neither count nor block.
    """
    if word not in set(Mode):
        raise Rejected("a managed policy either counts or blocks", hint="use mode: count or mode: block")
    return Mode(word)


@dataclass(frozen=True)
class Group:
    """A managed rule group, with the version to pin; empty follows the vendor's default version."""

    vendor: str
    name: str
    version: str = ""

    @property
    def short(self) -> str:
        """Part of the rule name: `AWSManagedRulesCommonRuleSet` becomes `CommonRuleSet`."""
        own = self.name.removeprefix("AWSManagedRules")
        return own if self.vendor == "AWS" else re.sub(r"[^\w\-]", "-", f"{self.vendor}-{own}", flags=re.ASCII)

    @property
    def statement(self) -> dict[str, Any]:
        body = {"VendorName": self.vendor, "Name": self.name}
        return {"ManagedRuleGroupStatement": body | ({"Version": self.version} if self.version else {})}


def group_of(word: str, versions: Mapping[str, str]) -> Group:
    """`Name` is a group of AWS, `Vendor/Name` one from the marketplace."""
    vendor, _, name = word.rpartition("/")
    return Group(vendor=vendor or "AWS", name=name, version=versions.get(word, ""))


@dataclass(frozen=True)
class AttachmentId:
    """Everything later calls need, so that they work from the vendor's state alone.

    Args:
        prefix: how the names of our rules in this ACL begin.
        foreign: rules that stood before and already hold a wanted group; never touched.
    """

    acl: str
    prefix: str
    foreign: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.acl}/{self.prefix}" + "".join(f"={name}" for name in self.foreign)

    @classmethod
    def parse(cls, text: str) -> AttachmentId:
        found = _ID.fullmatch(text)
        if found is None:
            raise Rejected("this is not an attachment of the WAF connector", hint="use the id that attach returned")
        return cls(found["acl"], found["prefix"], tuple(name for name in found["foreign"].split("=") if name))


def prefix_for(case_id: str, key: str) -> str:
    """`stanch-<case>-<short key>-`; the same effect always gets the same names, so a retry finds its own rules."""
    case = re.sub(r"[^\w\-]", "-", case_id, flags=re.ASCII)[:_CASE_LENGTH]
    return f"{OWNER}-{case}-{hashlib.sha256(key.encode()).hexdigest()[:_KEY_LENGTH]}-"


def own_rule(*, name: str, group: Group, mode: Mode, priority: int) -> dict[str, Any]:
    return {
        "Name": name,
        "Priority": priority,
        "Statement": group.statement,
        "OverrideAction": mode.override,
        "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name},
    }


def owned(rules: Sequence[Rule], prefix: str) -> list[Rule]:
    return [rule for rule in rules if str(rule["Name"]).startswith(prefix)]


def foreign(rules: Sequence[Rule], prefix: str) -> list[Rule]:
    return [rule for rule in rules if not str(rule["Name"]).startswith(prefix)]


def managed(rule: Rule) -> tuple[str, str]:
    """Vendor and name of the managed group that a rule holds; empty where it holds none."""
    body = rule.get("Statement", {}).get("ManagedRuleGroupStatement", {})
    return str(body.get("VendorName", "")), str(body.get("Name", ""))


def standing(rules: Sequence[Rule], groups: Sequence[Group], prefix: str) -> dict[Group, str]:
    """Groups that rules other than ours already hold for every request, with the rule's name."""
    holders = {managed(rule): str(rule["Name"]) for rule in foreign(rules, prefix) if _whole(rule)}
    return {group: holders[group.vendor, group.name] for group in groups if (group.vendor, group.name) in holders}


def _whole(rule: Rule) -> bool:
    # A scoped-down group protects only part of the traffic, so it is no reason to add none.
    return "ScopeDownStatement" not in rule.get("Statement", {}).get("ManagedRuleGroupStatement", {})


def added(rules: Sequence[Rule], groups: Sequence[Group], *, prefix: str, mode: Mode) -> list[dict[str, Any]]:
    """Our rules for those groups that nobody holds yet, evaluated after everything that stands.

    Last place keeps the customer's own allow rules working; a group that must see what they let through is not ours
    to move.
    """
    have = {str(rule["Name"]) for rule in rules} | {prefix + g.short for g in standing(rules, groups, prefix)}
    first = max((int(rule["Priority"]) for rule in rules), default=-1) + 1
    missing = [group for group in groups if prefix + group.short not in have]
    return [
        own_rule(name=prefix + group.short, group=group, mode=mode, priority=first + index)
        for index, group in enumerate(missing)
    ]


def switched(rules: Sequence[Rule], prefix: str, mode: Mode) -> list[Rule]:
    """The same rules with ours in that mode."""
    return [{**rule, "OverrideAction": mode.override} if rule["Name"].startswith(prefix) else rule for rule in rules]


def modes(rules: Sequence[Rule]) -> set[Mode]:
    return {Mode.COUNT if "Count" in rule.get("OverrideAction", {}) else Mode.BLOCK for rule in rules}


def refuse_edited(rules: Sequence[Rule], prefix: str) -> None:
    """Make sure that our rules are as we wrote them, count or block apart.

    Raises:
        Rejected: a person or another tool changed one; it is theirs now.
    """
    for rule in owned(rules, prefix):
        body = rule.get("Statement", {}).get("ManagedRuleGroupStatement", {})
        group = Group(str(body.get("VendorName", "")), str(body.get("Name", "")), str(body.get("Version", "")))
        ours = own_rule(name=rule["Name"], group=group, mode=min(modes([rule])), priority=int(rule["Priority"]))
        if rule != ours or rule["Name"] != prefix + group.short:
            raise Rejected(
                f"rule {rule['Name']} was changed since Stanch wrote it",
                hint="keep or remove it by hand in the web ACL",
            )
