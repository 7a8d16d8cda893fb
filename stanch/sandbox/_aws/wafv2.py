"""The WAFv2 API over the strict state: what AWS documents and moto does not enforce."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stanch.sandbox._aws import log_line, rules
from stanch.sandbox._aws.asked import Asked, Verdict
from stanch.sandbox._aws.cloudwatch import CloudWatchLogs
from stanch.sandbox._aws.judge import Judge
from stanch.sandbox._aws.managed import GROUPS
from stanch.sandbox._aws.shapes import AwsError, check, invalid, service
from stanch.sandbox._aws.store import Entity, Store
from stanch.sandbox._aws.traffic import Seen, Traffic

Answer = dict[str, Any]
_CRUD = re.compile(r"(Create|Get|Update|Delete|List)(WebACL|RuleGroup|IPSet|RegexPatternSet)(s?)")
_STAGE = re.compile(r"arn:aws:apigateway:[\w-]+::/restapis/\w+/stages/[\w-]+")


class WafV2:
    """One account and region of WAFv2.

    Args:
        exists: tells whether a resource ARN names something real.
    """

    def __init__(self, *, account: str, region: str, exists: Callable[[str], bool]) -> None:
        self._store = Store(account=account, region=region)
        self._traffic = Traffic()
        self._exists = exists
        self._last_write: dict[str, float] = {}
        self._judge = Judge()
        self.logs = CloudWatchLogs()
        self.writes_per_second: float | None = None
        self.propagation = 0.0
        self.read_lag = 0.0  # seconds by which reads are behind writes
        self._special: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "CheckCapacity": self._check_capacity,
            "AssociateWebACL": self._associate,
            "DisassociateWebACL": self._disassociate,
            "GetWebACLForResource": self._for_resource,
            "ListResourcesForWebACL": self._resources,
            "ListAvailableManagedRuleGroups": self._managed,
            "ListAvailableManagedRuleGroupVersions": self._versions,
            "DescribeManagedRuleGroup": self._describe,
            "GetSampledRequests": self._samples,
            "PutLoggingConfiguration": self._put_logging,
            "GetLoggingConfiguration": self._get_logging,
            "DeleteLoggingConfiguration": self._delete_logging,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }

    def call(self, operation: str, request: Mapping[str, Any]) -> Answer:
        """Answer one operation.

        Raises:
            AwsError: what AWS would answer instead.
        """
        matched = _CRUD.fullmatch(operation)
        listing = matched is not None and (matched[1] == "List") == bool(matched[3])
        if operation not in self._special and not listing:
            raise AwsError("UnknownOperationException", "this stand-in does not have the operation")
        shape = service("wafv2").operation_model(operation).input_shape
        if shape is not None:
            check(request, shape, operation)
        self._throttle(operation)
        if operation in self._special:
            return self._special[operation](request)
        assert matched is not None
        return self._crud(matched[1], matched[2], request)

    def feed(self, acl_name: str, requests: Iterable[Seen], *, scope: str = "REGIONAL") -> None:
        """Let a web ACL see traffic, for samples."""
        self._traffic.feed(self._acl(acl_name, scope).body, requests)

    def tamper(self, acl_name: str, change: Callable[[Answer], None], *, scope: str = "REGIONAL") -> None:
        """Change a stored web ACL behind the API's back: members of the future, Firewall Manager's mark."""
        change(self._acl(acl_name, scope).body)

    def judge(self, acl_name: str, asked: Asked) -> Verdict:
        """What a web ACL does to a request, as its rules were `propagation` seconds ago."""
        past = self._store.past(time.monotonic() - self.propagation)
        acl = next((one for one in past.values() if one["Name"] == acl_name and "DefaultAction" in one), None)
        if acl is None:
            return Verdict("ALLOW")
        verdict = self._judge.decide(acl, asked, lambda _, arn: past[arn])
        self._traffic.passed(acl, asked, verdict)
        self._log(acl, asked, verdict)
        return verdict

    def _log(self, acl: Mapping[str, Any], asked: Asked, verdict: Verdict) -> None:
        wanted = self._store.logged.get(str(acl["ARN"]))
        if wanted is None:
            return
        now = time.time()
        shown = log_line.shown(log_line.line(asked, verdict, acl=str(acl["ARN"]), at=now), acl, wanted)
        if shown is not None:
            group = str(wanted["LogDestinationConfigs"][0]).partition(":log-group:")[2].removesuffix(":*")
            self.logs.put(group, shown, at=now)

    def _acl(self, name: str, scope: str) -> Entity:
        for entity in self._store.all("WebACL", scope):
            if entity.name == name:
                return entity
        raise AwsError("WAFNonexistentItemException", "no such web ACL")

    def _throttle(self, operation: str) -> None:
        if self.writes_per_second is None or not operation.startswith(("Create", "Update", "Put")):
            return
        now = time.monotonic()
        if now - self._last_write.get(operation, -1e9) < 1 / self.writes_per_second:
            raise AwsError("ThrottlingException", "Rate exceeded")
        self._last_write[operation] = now

    def _crud(self, verb: str, kind: str, request: Mapping[str, Any]) -> Answer:
        if verb == "Create":
            return {"Summary": self._store.create(kind, request).summary()}
        if verb == "Get":
            entity = self._shown(self._store.get(kind, request))
            if entity is None:
                raise AwsError("WAFNonexistentItemException", f"no such {kind}")
            return {kind: entity.body, "LockToken": entity.lock_token}
        if verb == "Update":
            return {"NextLockToken": self._store.update(kind, request).lock_token}
        if verb == "Delete":
            self._store.delete(kind, request)
            return {}
        return self._page(kind, request)

    def _page(self, kind: str, request: Mapping[str, Any]) -> Answer:
        after = str(request.get("NextMarker", ""))
        every = (self._shown(entity) for entity in self._store.all(kind, str(request["Scope"])))
        rest = [entity for entity in every if entity is not None and entity.name > after]
        shown = rest[: int(request.get("Limit", 100))]
        answer: Answer = {f"{kind}s": [entity.summary() for entity in shown]}
        return answer | ({"NextMarker": shown[-1].name} if len(shown) < len(rest) else {})

    def _shown(self, entity: Entity) -> Entity | None:
        """As a read sees it."""
        return self._store.was(entity, time.monotonic() - self.read_lag) if self.read_lag else entity

    def _check_capacity(self, request: Mapping[str, Any]) -> Answer:
        rules.validate(request["Rules"], resolve=self._store.resolve, in_group=False, bodies={})
        return {"Capacity": rules.capacity(request["Rules"], self._store.resolve)}

    def _associate(self, request: Mapping[str, Any]) -> Answer:
        entity = self._store.by_arn(request["WebACLArn"], "WebACL")
        if entity.scope != "REGIONAL":
            raise invalid("CloudFront takes its web ACL from UpdateDistribution", "RESOURCE_ARN")
        if not self._exists(request["ResourceArn"]):
            raise AwsError("WAFNonexistentItemException", "no such resource")
        self._store.protected[request["ResourceArn"]] = entity
        return {}

    def _disassociate(self, request: Mapping[str, Any]) -> Answer:
        self._store.protected.pop(request["ResourceArn"], None)
        return {}

    def _for_resource(self, request: Mapping[str, Any]) -> Answer:
        entity = self._store.protected.get(request["ResourceArn"])
        return {} if entity is None else {"WebACL": entity.body}

    def _resources(self, request: Mapping[str, Any]) -> Answer:
        entity = self._store.by_arn(request["WebACLArn"], "WebACL")
        stages = request.get("ResourceType", "APPLICATION_LOAD_BALANCER") == "API_GATEWAY"
        held = [arn for arn, holder in self._store.protected.items() if holder is entity]
        return {"ResourceArns": [arn for arn in held if bool(_STAGE.fullmatch(arn)) == stages]}

    def _managed(self, _: Mapping[str, Any]) -> Answer:
        listed = [
            {"VendorName": "AWS", "Name": group.name, "VersioningSupported": bool(group.versions)}
            for group in GROUPS.values()
        ]
        return {"ManagedRuleGroups": listed}

    def _versions(self, request: Mapping[str, Any]) -> Answer:
        group = rules.managed_group(request)
        answer: Answer = {"Versions": [{"Name": version} for version in group.versions]}
        return answer | ({"CurrentDefaultVersion": group.versions[-1]} if group.versions else {})

    def _describe(self, request: Mapping[str, Any]) -> Answer:
        group = rules.managed_group(request)
        named = {"VersionName": request["VersionName"]} if "VersionName" in request else {}
        return named | {
            "Capacity": group.capacity,
            "LabelNamespace": group.label_namespace,
            "Rules": [{"Name": rule, "Action": {"Block": {}}} for rule in group.rules],
        }

    def _samples(self, request: Mapping[str, Any]) -> Answer:
        return self._traffic.answer(self._store.by_arn(request["WebAclArn"], "WebACL").body, request)

    def _put_logging(self, request: Mapping[str, Any]) -> Answer:
        wanted = request["LoggingConfiguration"]
        arn = self._store.by_arn(wanted["ResourceArn"], "WebACL").arn
        if "aws-waf-logs-" not in wanted["LogDestinationConfigs"][0]:
            raise invalid("the destination's name begins with aws-waf-logs-", "LOG_DESTINATION")
        self._store.logged[arn] = dict(wanted)
        return {"LoggingConfiguration": self._store.logged[arn]}

    def _get_logging(self, request: Mapping[str, Any]) -> Answer:
        arn = self._store.by_arn(request["ResourceArn"], "WebACL").arn
        if arn not in self._store.logged:
            raise AwsError("WAFNonexistentItemException", "the web ACL is not logged")
        return {"LoggingConfiguration": self._store.logged[arn]}

    def _delete_logging(self, request: Mapping[str, Any]) -> Answer:
        self._get_logging(request)
        del self._store.logged[str(request["ResourceArn"])]
        return {}

    def _tag(self, request: Mapping[str, Any]) -> Answer:
        entity = self._store.by_arn(request["ResourceARN"])
        entity.tags |= {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        return {}

    def _untag(self, request: Mapping[str, Any]) -> Answer:
        entity = self._store.by_arn(request["ResourceARN"])
        for key in request["TagKeys"]:
            entity.tags.pop(key, None)
        return {}

    def _tags(self, request: Mapping[str, Any]) -> Answer:
        entity = self._store.by_arn(request["ResourceARN"])
        tags = [{"Key": key, "Value": value} for key, value in entity.tags.items()]
        return {"TagInfoForResource": {"ResourceARN": entity.arn, "TagList": tags}}
