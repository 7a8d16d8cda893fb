"""Reading a web ACL whole and writing it whole: WAFv2 updates replace everything, so nothing may be lost between."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities._aws import LockConflict, NotThere, outcome
from activities._waf.config import WebAclTarget
from activities._waf.members import UNKNOWN, carried, watch_unknown_members
from activities._waf.rules import Rule
from stanch.errors import Rejected, RetrySafe, Uncertain

_LONGEST_PAUSE = 2.0
_PAGE = 100
_PAGES = 50


@dataclass(frozen=True)
class AclRef:
    """What WAFv2 needs to address a web ACL."""

    name: str
    id: str
    arn: str


@dataclass(frozen=True)
class Acl:
    """A web ACL as it was read, with the token that a write must show."""

    ref: AclRef
    body: Mapping[str, Any]
    lock_token: str
    unknown: tuple[str, ...] = ()

    @property
    def rules(self) -> list[Rule]:
        return list(self.body.get("Rules", []))

    @property
    def ahead(self) -> list[Rule]:
        """Rule groups that Firewall Manager has put before all rules, in the form of rules."""
        groups = self.body.get("PreProcessFirewallManagerRuleGroups") or ()
        return [{**one, "Statement": one["FirewallManagerStatement"]} for one in groups]

    @property
    def capacity(self) -> int:
        return int(self.body.get("Capacity", 0))


Change = Callable[[Acl], Sequence[Rule] | None]


def digest(acl: Acl, rules: Sequence[Rule]) -> str:
    """SHA-256 over everything an update can change, with these rules."""
    state = {**acl.body, "Rules": list(rules)}
    for volatile in ("Capacity", "LabelNamespace"):
        state.pop(volatile, None)
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), default=lambda blob: blob.hex())
    return hashlib.sha256(text.encode()).hexdigest()


class WebAcls:
    """The web ACLs of one account, region and scope."""

    def __init__(self, client: Any, *, scope: str, attempts: int) -> None:
        self._client = client
        self._scope = scope
        self._attempts = attempts
        self._carried = carried(client, "WebACL")
        watch_unknown_members(client)

    def find(self, name: str) -> AclRef:
        """The web ACL with that name.

        Raises:
            NotThere: there is none.
        """
        marker: dict[str, str] = {}
        for _ in range(_PAGES):
            with outcome("ListWebACLs", write=False):
                page = self._client.list_web_acls(Scope=self._scope, Limit=_PAGE, **marker)
                listed = page["WebACLs"]
            for item in listed:
                if item["Name"] == name:
                    return AclRef(name, item["Id"], item["ARN"])
            if not page.get("NextMarker"):
                break
            marker = {"NextMarker": page["NextMarker"]}
        raise NotThere(f"there is no web ACL {name} in this region and scope", hint="check web_acls in stanch.toml")

    def read(self, ref: AclRef) -> Acl:
        with outcome("GetWebACL", write=False):
            answer = self._client.get_web_acl(Name=ref.name, Scope=self._scope, Id=ref.id)
            return Acl(ref, answer["WebACL"], answer["LockToken"], answer.get(UNKNOWN, ()))

    def change(self, ref: AclRef, change: Change) -> Acl:
        """Read, compute, write with the lock token, until a read shows that nothing is left to do.

        Args:
            ref: the web ACL.
            change: computes the wanted rules from what was read, None where they stand; called anew for every read,
                since resending a stale list with a fresh token would lose what others wrote in between.

        Returns:
            The web ACL as the last read showed it.

        Raises:
            RetrySafe: others kept writing; Uncertain: a write got no answer twice, or had no effect.
        """
        last: Uncertain | None = None
        token, replaced = "", set[str]()
        for attempt in range(self._attempts):
            acl = self.read(ref)
            if acl.lock_token in replaced:  # this read is behind our own write
                pause(attempt)
                continue
            rules = change(acl)
            if rules is None:
                return acl
            if acl.lock_token == token:
                raise Uncertain(
                    f"web ACL {ref.name} accepted a change that a read does not show", hint="look at the ACL"
                )
            try:
                token = self._write(acl, rules)
                replaced |= {acl.lock_token} - {token}
            except LockConflict:
                pause(attempt)
            except Uncertain as error:
                # Safe to compute again: with the same token at most one of the two writes can succeed.
                if last is not None:
                    raise
                last = error
        why = "does not show yet what was written" if replaced else f"was changed by others in {self._attempts} tries"
        raise RetrySafe(f"web ACL {ref.name} {why}", retry_after=2.0)

    def _write(self, acl: Acl, rules: Sequence[Rule]) -> str:
        refuse_unwritable(acl)
        request = {name: acl.body[name] for name in self._carried if name in acl.body}
        if not request.get("Description"):
            request.pop("Description", None)  # an empty one is returned by reads and refused by writes
        request |= {"Rules": list(rules), "Scope": self._scope, "LockToken": acl.lock_token}
        request |= {"Name": acl.ref.name, "Id": acl.ref.id}
        with outcome("UpdateWebACL", write=True):
            return str(self._client.update_web_acl(**request)["NextLockToken"])

    def weigh(self, rules: Sequence[Rule]) -> int:
        """Capacity units (WCU) of rules."""
        with outcome("CheckCapacity", write=False):
            return int(self._client.check_capacity(Scope=self._scope, Rules=list(rules))["Capacity"])

    def of_resource(self, arn: str) -> str:
        """ARN of the web ACL in front of a resource, empty where there is none."""
        with outcome("GetWebACLForResource", write=False):
            answer = self._client.get_web_acl_for_resource(ResourceArn=arn)
        return str((answer.get("WebACL") or {}).get("ARN", ""))


def ref_of(acls: WebAcls, target: WebAclTarget) -> AclRef:
    """The web ACL that a host's entry names.

    Raises:
        NotThere: there is none of that name.
    """
    if target.arn:
        name, identity = target.arn.split("/")[2:4]
        return AclRef(name, identity, target.arn)
    return acls.find(target.name)


class Astray(Rejected):
    """A web ACL does not stand in front of what it is said to protect."""


def protecting(acls: WebAcls, target: WebAclTarget) -> AclRef:
    """The same, once it is known to stand in front of what it is said to protect.

    Raises:
        Astray: it does not.
    """
    ref = ref_of(acls, target)
    if target.resource and acls.of_resource(target.resource) != ref.arn:
        raise Astray(
            f"web ACL {ref.name} is not in front of the configured resource",
            hint="associate it, or correct resource",
        )
    return ref


def refuse_unwritable(acl: Acl) -> None:
    """Refuse a web ACL that we could not write back unchanged, or that is not its owner's to change.

    Raises:
        Rejected: Firewall Manager owns it, or it has members that this botocore would drop.
    """
    if acl.body.get("ManagedByFirewallManager"):
        raise Rejected(
            f"web ACL {acl.ref.name} is managed by Firewall Manager", hint="change its Firewall Manager policy instead"
        )
    if acl.unknown:
        raise Rejected(
            f"web ACL {acl.ref.name} has members this version of botocore does not know; an update would reset them",
            hint="upgrade boto3",
        )


def pause(attempt: int) -> None:
    """Wait a moment, each time longer, so that writers who met do not meet again."""
    time.sleep(random.uniform(0.0, min(_LONGEST_PAUSE, 0.1 * 2**attempt)))  # noqa: S311  jitter, not a secret
