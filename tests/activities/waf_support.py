"""What the tests of the AWS WAF point share: leases, a point in front of a customer's web ACL, and plain clients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

from aws_support import HOST, Customer, boto, customer

from activities.aws_waf_point import CONNECTOR, WafPoint
from stanch.leases import BlockSpec, Lease, LeaseSpec, LimitSpec, target_of
from stanch.ports import Mismatch, Reconciled
from stanch.sandbox._aws.edge import AwsEdge
from stanch.sandbox.aws import AwsStandin

SECRET = "k" * 20


def block(path: str = "/**", **spec: Any) -> BlockSpec:
    return BlockSpec(host=HOST, path=path, **spec)


def lease(spec: LeaseSpec, name: str = "one", *, hours: float = 1.0, **more: Any) -> Lease:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    base = {"lease_id": f"lease-{name}", "case_id": f"case-{name}", "episode": "e", "step": "block", "point": "edge"}
    return Lease.model_validate({**base, "target": target_of(spec), "spec": spec, "expires_at": end, **more})


def limit(path: str, requests: int, **more: Any) -> LimitSpec:
    return LimitSpec(host=HOST, path=path, requests=requests, **more)


@dataclass
class Bed:
    """A customer's web ACL with our point beside it.

    Args:
        digest: what the point's writer believes.
    """

    aws: AwsStandin
    customer: Customer
    point: WafPoint
    digest: str = ""

    def another(self, **more: Any) -> WafPoint:
        return point(self.aws, self.customer, **more)

    def hold(self, *leases: Lease) -> Reconciled:
        return self._tried(leases, [])

    def lift(self, *leases: Lease) -> Reconciled:
        return self._tried([], [one.target for one in leases])

    def _tried(self, adds: Any, removes: list[str]) -> Reconciled:
        try:
            done = self.point.reconcile(adds=adds, removes=removes, wanted=None, expected=self.digest)
        except Mismatch:
            done = self.point.reconcile(adds=adds, removes=removes, wanted=[], expected="")
        self.digest = done.digest
        return done

    def owned(self) -> set[str]:
        return {one.target for one in self.point.list_owned()}

    def group(self, number: int = 1) -> dict[str, Any]:
        name = f"{self.point._prefix}-{number}"
        listed = boto(self.aws).list_rule_groups(Scope="REGIONAL")["RuleGroups"]
        found = next(one for one in listed if one["Name"] == name)
        answer: dict[str, Any] = boto(self.aws).get_rule_group(Name=name, Id=found["Id"], Scope="REGIONAL")
        return answer

    def sets(self) -> dict[str, list[str]]:
        listed = boto(self.aws).list_ip_sets(Scope="REGIONAL")["IPSets"]
        mine = [one for one in listed if one["Name"].startswith(self.point._prefix)]
        get = boto(self.aws).get_ip_set
        return {
            one["Name"]: get(Name=one["Name"], Id=one["Id"], Scope="REGIONAL")["IPSet"]["Addresses"] for one in mine
        }

    def foreign_edit(self, *rules: dict[str, Any]) -> None:
        """Somebody adds rules to our group by hand."""
        answer = self.group()
        body = answer["RuleGroup"]
        request = {"Name": body["Name"], "Id": body["Id"], "Scope": "REGIONAL", "LockToken": answer["LockToken"]}
        kept = {"VisibilityConfig": body["VisibilityConfig"], "Rules": [*body["Rules"], *rules]}
        boto(self.aws).update_rule_group(**request, **kept)

    def foreign_address(self, name: str, address: str) -> None:
        listed = boto(self.aws).list_ip_sets(Scope="REGIONAL")["IPSets"]
        found = next(one for one in listed if one["Name"] == name)
        place = {"Name": name, "Id": found["Id"], "Scope": "REGIONAL"}
        answer = boto(self.aws).get_ip_set(**place)
        addresses = [*answer["IPSet"]["Addresses"], address]
        boto(self.aws).update_ip_set(**place, LockToken=answer["LockToken"], Addresses=addresses)


def point(aws: AwsStandin, theirs: Customer, **more: Any) -> WafPoint:
    section = {"web_acls": {HOST: theirs.name}, "behind": ["allow-health-check"], "group": f"stanch-{theirs.name}"}
    section |= {"addresses": "peer", "canary_secret": SECRET, "pace": 0, **more}
    built: WafPoint = CONNECTOR.build("edge", aws.section(**section))
    return built


def bed(aws: AwsStandin, **more: Any) -> Bed:
    theirs = customer(aws)
    return Bed(aws, theirs, point(aws, theirs, **more))


def ask(
    edge: AwsEdge, path: str, method: str = "GET", *, source: str = "127.0.0.1", body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str]]:
    """One request, sent byte for byte, from an address of the loopback network."""
    port = int(edge.url.rpartition(":")[2])
    connection = HTTPConnection("127.0.0.1", port, timeout=5, source_address=(source, 0))
    try:
        sent = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body=body or None, headers=sent)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()
