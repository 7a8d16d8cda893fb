"""The section of an `aws_waf` connector: which web ACL stands in front of which host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class WafConfig(AwsAccess):
    """Section of an `aws_waf` connector.

    Args:
        web_acls: host, or `*.domain`, to its web ACL: a name, an ARN, or a table.
        versions: managed group to the version to pin.
        wcu_limit: refuse to let an ACL grow beyond; above 1,500 units AWS charges more.
        lock_attempts: tries per call while others write the same ACL.
    """

    scope: Literal["REGIONAL", "CLOUDFRONT"] = "REGIONAL"
    web_acls: Mapping[str, WebAclTarget] = Field(min_length=1)
    versions: Mapping[str, str] = {}
    wcu_limit: int = Field(default=WEB_ACL_WCU, ge=1, le=WEB_ACL_WCU)
    lock_attempts: int = Field(default=8, ge=1, le=20)

    @model_validator(mode="after")
    def _cloudfront_is_global(self) -> WafConfig:
        if self.scope == "CLOUDFRONT" and self.region != "us-east-1":
            raise ValueError("web ACLs for CloudFront live in us-east-1")
        return self

    def target(self, host: str) -> WebAclTarget | None:
        """The web ACL of a host: by its own name first, then by `*.domain`, the longest first."""
        parents = (f"*.{host.split('.', cut)[cut]}" for cut in range(1, host.count(".") + 1))
        return next((self.web_acls[word] for word in (host, *parents) if word in self.web_acls), None)
