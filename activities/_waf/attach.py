"""Our rule groups in the customer's web ACLs: one reference, once, before everything that could let a request in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from activities._envoy.policy import PREFIX
from activities._waf.acl import Acl, AclRef, WebAcls, refuse_unwritable
from activities._waf.config import WebAclTarget
from stanch.errors import AuthBlocked, Rejected

Rule = Mapping[str, Any]


class Closed(Rejected):
    """Some web ACLs let our groups not work, and a block needs one of them."""

    def __init__(self, targets: Collection[WebAclTarget], why: Rejected | AuthBlocked) -> None:
        super().__init__(why.message, code=why.code, hint=why.hint)
        self.targets, self.why = targets, why


def reference(name: str, arn: str, priority: int) -> dict[str, Any]:
    """The rule that puts a rule group into a web ACL, with the actions of its own rules."""
    return {
        "Name": name,
        "Priority": priority,
        "Statement": {"RuleGroupReferenceStatement": {"ARN": arn}},
        "OverrideAction": {"None": {}},
        "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name},
    }


def attach(
    acls: WebAcls, ref: AclRef, groups: Mapping[str, str], *, behind: Collection[str], room: tuple[int, int]
) -> None:
    """Make sure that a web ACL asks our groups first; the customer's rules stay as they are.

    Args:
        acls: the web ACLs.
        ref: which one.
        groups: name to ARN.
        behind: names of rules that may come before ours.
        room: capacity of a group, and the most that the ACL may come to.

    Raises:
        Rejected: there is no place before the others, no capacity, or somebody has taken the effect off our reference.
    """

    def change(acl: Acl) -> Sequence[Rule] | None:
        missing = {name: arn for name, arn in groups.items() if not referring(acl.rules, arn)}
        if not missing:
            _refuse(acl, weakness(acl.rules, groups.values(), behind=behind, ahead=acl.ahead))
            return None
        refuse_unwritable(acl)
        _refuse(acl, _early(acl.ahead, behind))
        if acl.capacity + room[0] * len(missing) > room[1]:
            raise Rejected(
                f"web ACL {acl.ref.name} uses {acl.capacity} WCU and has no room for a rule group of {room[0]}",
                hint="remove rules, raise `wcu_limit`, or lower `capacity` before the group is made",
            )
        rules = list(acl.rules)
        for name, arn in missing.items():
            rules.append(reference(name, arn, _place(rules, acl.ref.name, [*behind, *_names(rules, groups.values())])))
        return rules

    acls.change(ref, change)


def referring(rules: Sequence[Rule], arn: str) -> Rule | None:
    """The rule that refers to a group."""
    return next((rule for rule in rules if _referred(rule) == arn), None)


def _refuse(acl: Acl, problem: str) -> None:
    if problem:
        raise Rejected(f"web ACL {acl.ref.name}: {problem}", hint="see docs/waf.md, Attaching")


def weakness(
    rules: Sequence[Rule], arns: Collection[str], *, behind: Collection[str], ahead: Sequence[Rule] = ()
) -> str:
    """Why our groups would not stop everything they should, "" where they do; `ahead` comes before all rules."""
    for arn in arns:
        rule = referring(rules, arn)
        if rule is None:
            return "our rule group is not in it"
        body = rule["Statement"]["RuleGroupReferenceStatement"]
        if "Count" in rule.get("OverrideAction", {}) or body.get("ExcludedRules") or body.get("RuleActionOverrides"):
            return f"rule {rule['Name']} takes the effect off our rule group"
        earlier = [*ahead, *(one for one in rules if int(one["Priority"]) < int(rule["Priority"]))]
        if problem := _early(earlier, [*behind, *_names(rules, arns)]):
            return problem
    return ""


def _early(earlier: Sequence[Rule], known: Collection[str]) -> str:
    letting = (str(one["Name"]) for one in earlier if _lets_in(one) and one["Name"] not in known)
    return next((f"rule {name} lets requests in before our rule group is asked" for name in letting), "")


def _lets_in(rule: Rule) -> bool:
    """It allows, or may: what a group that is not Stanch's does is not read, and can change without the web ACL."""
    if "Count" in rule.get("OverrideAction", {}):
        return False
    statement = rule.get("Statement", {})
    overrides = statement.get("ManagedRuleGroupStatement", {}).get("RuleActionOverrides", ())
    allows = any("Allow" in one.get("ActionToUse", {}) for one in overrides)
    theirs = bool(_referred(rule)) and f"/rulegroup/{PREFIX}" not in _referred(rule)
    return allows or theirs or "Allow" in rule.get("Action", {})


def _names(rules: Sequence[Rule], arns: Collection[str]) -> list[str]:
    """Of the rules that refer to these groups."""
    return [str(rule["Name"]) for rule in rules if _referred(rule) in arns]


def _referred(rule: Rule) -> str:
    return str(rule["Statement"].get("RuleGroupReferenceStatement", {}).get("ARN", ""))


def _place(rules: Sequence[Rule], acl: str, behind: Collection[str]) -> int:
    """The lowest free number, before every rule that lets requests in and is not named in `behind`."""
    taken = {int(rule["Priority"]): str(rule["Name"]) for rule in rules}
    letting = [rule for rule in rules if _lets_in(rule) and rule["Name"] not in behind]
    first = min((int(rule["Priority"]) for rule in letting), default=len(rules) + 1)
    free = next((number for number in range(first) if number not in taken), None)
    if free is None:
        raise Rejected(
            f"web ACL {acl} has no free priority before rule {taken[first]}",
            hint=f"give {taken[first]} a higher number, or name it in `behind` if it may come before our blocks",
        )
    return free
