"""AWS WAF as a policy point: managed rule groups in the customer's web ACL, counting first, then blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from activities._aws import NotThere, make_client
from activities._section import read_section
from activities._waf.acl import Acl, AclRef, WebAcls, digest, protecting, ref_of, refuse_unwritable
from activities._waf.config import WafConfig, WebAclTarget
from activities._waf.flips import Flips
from activities._waf.rules import (
    AttachmentId,
    Group,
    Mode,
    Rule,
    added,
    foreign,
    group_of,
    mode_of,
    modes,
    owned,
    prefix_for,
    refuse_edited,
    standing,
    switched,
)
from activities._waf.samples import ALL, sample, summary
from stanch.errors import ConnectorError, Rejected
from stanch.ports import Attachment, Check, Connector


class AwsWaf:
    """Implements PolicyPort. Only rules under our own prefix are ever changed; everything else is carried over."""

    def __init__(self, name: str, config: WafConfig) -> None:
        self.name = name
        self._config = config
        self._client = make_client("wafv2", config)
        self._acls = WebAcls(self._client, scope=config.scope, attempts=config.lock_attempts)
        self.flips = Flips(self._client, config, self._acls)

    def attach(self, *, host: str, groups: Sequence[str], mode: str, case_id: str, key: str) -> Attachment:
        """Put managed groups into the web ACL of a host.

        A group that another rule already holds for all traffic is left alone; where that is true of every group the
        result says `already` and there is nothing to undo.
        """
        wanted_mode = mode_of(mode)
        wanted = [group_of(word, self._config.versions) for word in dict.fromkeys(groups)]
        if not wanted:
            raise Rejected("no managed rule group was named", hint="name at least one group")
        ref = protecting(self._acls, self._target(host))
        prefix = prefix_for(case_id, key)

        def change(acl: Acl) -> Sequence[Rule] | None:
            new = added(acl.rules, wanted, prefix=prefix, mode=wanted_mode)
            if not new:
                return None
            refuse_unwritable(acl)
            self._fits(acl, new)
            return [*acl.rules, *new]

        return _attachment(self._acls.change(ref, change), prefix, wanted)

    def observe(self, *, attachment: str, window: timedelta) -> Mapping[str, float]:
        """What the attached groups would have refused: `would_block_ratio`, `would_block`, `requests`.

        Taken from samples (`sampled` is 1): at most three hours back (`coverage`), and an upper estimate. No traffic
        gives 0 of 0, so a playbook that wants evidence asks for `requests` too.
        """
        handle = AttachmentId.parse(attachment)
        acl = self._acls.read(self._locate(handle.acl))
        rules = [*owned(acl.rules, handle.prefix), *(r for r in acl.rules if r["Name"] in handle.foreign)]
        if not rules:
            raise NotThere("no rule of this attachment is in the web ACL", hint="it was detached; attach it again")
        metrics = [str(rule["VisibilityConfig"]["MetricName"]) for rule in rules]
        found = [self._sample(acl.ref.arn, metric, window) for metric in metrics]
        total = self._sample(acl.ref.arn, ALL, window)
        return summary(total, [one for one in found if one is not None], window=window)

    def enforce(self, *, attachment: str, mode: str) -> Attachment:
        """Let our groups block, or only count again. Rules of others that hold a wanted group must already do so."""
        handle = AttachmentId.parse(attachment)
        wanted = mode_of(mode)

        def change(acl: Acl) -> Sequence[Rule] | None:
            ours = owned(acl.rules, handle.prefix)
            _refuse_foreign_in_other_mode(acl.rules, handle, wanted)
            if not ours and not handle.foreign:
                raise NotThere("no rule of this attachment is in the web ACL", hint="it was detached; attach it again")
            refuse_edited(acl.rules, handle.prefix)
            return switched(acl.rules, handle.prefix, wanted) if modes(ours) - {wanted} else None

        acl = self._acls.change(self._locate(handle.acl), change)
        return _described(acl, handle)

    def detach(self, *, attachment: str) -> bool:
        """Remove our rules and nothing else; False where none was left."""
        handle = AttachmentId.parse(attachment)
        removed = False

        def change(acl: Acl) -> Sequence[Rule] | None:
            nonlocal removed
            if not owned(acl.rules, handle.prefix):
                return None
            refuse_edited(acl.rules, handle.prefix)
            removed = True
            return foreign(acl.rules, handle.prefix)

        try:
            self._acls.change(self._locate(handle.acl), change)
        except NotThere:
            return False  # the web ACL itself is gone, and our rules with it
        return removed

    def doctor(self) -> Sequence[Check]:
        return [self._check(host, target) for host, target in self._config.web_acls.items()]

    def _check(self, host: str, target: WebAclTarget) -> Check:
        name = f"{self.name}: web ACL of {host}"
        try:
            acl = self._acls.read(protecting(self._acls, target))
            refuse_unwritable(acl)
        except ConnectorError as error:
            return Check(name, ok=False, detail=error.message, fix=error.hint)
        return Check(name, ok=True, detail=f"{acl.ref.name}, {len(acl.rules)} rules, {acl.capacity} WCU")

    def _target(self, host: str) -> WebAclTarget:
        found = self._config.target(host)
        if found is None:
            hint = f"add it to web_acls of connector {self.name}"
            raise Rejected("no web ACL is configured for this host", hint=hint)
        return found

    def _locate(self, acl_name: str) -> AclRef:
        by_arn = [one for one in self._config.web_acls.values() if one.arn and one.acl_name == acl_name]
        return ref_of(self._acls, by_arn[0]) if by_arn else self._acls.find(acl_name)

    def _fits(self, acl: Acl, new: Sequence[Rule]) -> None:
        needed = self._acls.weigh(new)
        if acl.capacity + needed > self._config.wcu_limit:
            raise Rejected(
                f"web ACL {acl.ref.name} uses {acl.capacity} WCU and has no room for {needed} more"
                f" (limit {self._config.wcu_limit})",
                hint="remove rules, or raise wcu_limit (AWS allows 5000)",
            )

    def _sample(self, acl_arn: str, metric: str, window: timedelta) -> Any:
        return sample(self._client, scope=self._config.scope, acl_arn=acl_arn, metric=metric, window=window)


def _attachment(acl: Acl, prefix: str, wanted: Sequence[Group]) -> Attachment:
    others = standing(acl.rules, wanted, prefix)
    mine = {str(rule["Name"]) for rule in owned(acl.rules, prefix)}
    left = tuple(sorted({name for group, name in others.items() if prefix + group.short not in mine}))
    return _described(acl, AttachmentId(acl.ref.name, prefix, left))


def _described(acl: Acl, handle: AttachmentId) -> Attachment:
    ours = owned(acl.rules, handle.prefix)
    shown = ours or [rule for rule in acl.rules if rule["Name"] in handle.foreign]
    return Attachment(
        id=str(handle),
        mode=str(Mode.COUNT if Mode.COUNT in modes(shown) else Mode.BLOCK),
        already=not ours,
        before=digest(acl, foreign(acl.rules, handle.prefix)),
        after=digest(acl, acl.rules),
    )


def _refuse_foreign_in_other_mode(rules: Sequence[Rule], handle: AttachmentId, wanted: Mode) -> None:
    for rule in rules:
        if rule["Name"] in handle.foreign and modes([rule]) != {wanted}:
            raise Rejected(
                f"rule {rule['Name']} already holds this group in another mode and is not ours",
                hint="let its owner switch it",
            )


def _build(name: str, section: Mapping[str, Any]) -> AwsWaf:
    return AwsWaf(name, read_section(WafConfig, name, section))


CONNECTOR = Connector(port="policy", kind="aws_waf", build=_build)
