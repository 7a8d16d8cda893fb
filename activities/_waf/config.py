"""The sections of the `aws_waf` connectors: which web ACL stands in front of which host, and how blocks go there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from activities._aws import AwsAccess

WEB_ACL_WCU = 5000


class WebAclTarget(BaseModel):
    """The web ACL in front of a host.

    Args:
        resource: ARN of what the ACL protects (REST stage, load balancer); given, the association is checked first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="", pattern=r"^[\w\-]{0,128}$")
    id: str = ""
    arn: str = ""
    resource: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {"arn": value} if value.startswith("arn:") else {"name": value}

    @model_validator(mode="after")
    def _named(self) -> WebAclTarget:
        if not self.name and self.arn.count("/") != 3:
            raise ValueError("name the web ACL, or give its whole ARN")
        return self

    @property
    def acl_name(self) -> str:
        return self.name or self.arn.split("/")[2]


class AclsConfig(AwsAccess):
    """What both connectors have.

    Args:
        web_acls: host, or `*.domain`, to its web ACL: a name, an ARN, or a table.
        wcu_limit: refuse to let an ACL grow beyond; above 1,500 units AWS charges more.
        lock_attempts: tries per call while others write the same object.
    """

    scope: Literal["REGIONAL", "CLOUDFRONT"] = "REGIONAL"
    web_acls: Mapping[str, WebAclTarget] = Field(min_length=1)
    wcu_limit: int = Field(default=WEB_ACL_WCU, ge=1, le=WEB_ACL_WCU)
    lock_attempts: int = Field(default=8, ge=1, le=20)

    @model_validator(mode="after")
    def _cloudfront_is_global(self) -> AclsConfig:
        if self.scope == "CLOUDFRONT" and self.region != "us-east-1":
            raise ValueError("web ACLs for CloudFront live in us-east-1")
        if self.scope == "CLOUDFRONT" and any(one.resource for one in self.web_acls.values()):
            raise ValueError("WAF does not tell the web ACL of a distribution; leave `resource` out")
        return self

    def target(self, host: str) -> WebAclTarget | None:
        """The web ACL of a host: by its own name first, then by `*.domain`, the longest first."""
        host = host.lower().rstrip(".")
        parents = (f"*.{host.split('.', cut)[cut]}" for cut in range(1, host.count(".") + 1))
        known = {word.lower(): target for word, target in self.web_acls.items()}
        return next((known[word] for word in (host, *parents) if word in known), None)


class WafConfig(AclsConfig):
    """Section of an `aws_waf` policy.

    Args:
        versions: managed group to the version to pin.
        log_destination: ARN that `waf.enable_logging` sends logs to; its name begins with `aws-waf-logs-`.
    """

    versions: Mapping[str, str] = {}
    log_destination: str = Field(default="", pattern=r"^(arn:[\w:/.*-]+aws-waf-logs-[\w/.:*-]*)?$")


class WafPointConfig(AclsConfig):
    """Section of an `aws_waf` point.

    Args:
        group: how the names of our rule groups and sets begin; two deployments in one account need two.
        capacity: of each rule group, in WCU; it cannot be changed once the group is there.
        max_groups: how many rule groups there may be; each takes its whole capacity from the web ACL.
        behind: names of rules that may stand before ours in a web ACL: health checks, a group of yours.
        addresses: `peer` where the web ACL sees clients themselves, `last` or `any` for the client's place in the
            header that a proxy of yours writes; without it no address is blocked.
        forwarded_header: that header.
        callers: headers, or `cookie:NAME`, that hold who asks; the first that is there decides.
        base_paths: what may stand before the path of an API, such as the stage of an API Gateway.
        ignore_case: paths of the API do not mind case.
        canary_secret: key of the probe headers.
        base_url: where probes send their requests.
        pace: seconds between two updates of one kind; AWS takes one a second per account and region.
        log_group: of CloudWatch Logs, to which all of `web_acls` log.
        log_endpoint_url: of CloudWatch Logs, where that is another one than `endpoint_url`.
    """

    group: str = Field(default="", pattern=r"^[\w-]{0,60}$")
    capacity: int = Field(default=1000, ge=50, le=WEB_ACL_WCU)
    max_groups: int = Field(default=2, ge=1, le=10)
    behind: tuple[str, ...] = ()
    addresses: Literal["", "peer", "last", "any"] = ""
    forwarded_header: str = Field(default="x-forwarded-for", pattern=r"^[A-Za-z0-9-]{1,64}$")
    callers: tuple[Annotated[str, Field(pattern=r"^(cookie:)?[A-Za-z0-9._-]{1,64}$")], ...] = (
        "authorization",
        "x-api-key",
    )
    base_paths: tuple[str, ...] = ()
    ignore_case: bool = False
    canary_secret: SecretStr | None = Field(default=None, min_length=16)
    base_url: str = ""
    pace: float = Field(default=1.05, ge=0, le=10)
    log_group: str = Field(default="", pattern=r"^(aws-waf-logs-[A-Za-z0-9_./#-]{1,499})?$")
    log_endpoint_url: str | None = None

    @property
    def logs(self) -> AwsAccess:
        """How CloudWatch Logs is reached."""
        return self.model_copy(update={"endpoint_url": self.log_endpoint_url or self.endpoint_url})
