"""What is switched on in front of a host and off again only if it was us: association and logging of a web ACL.

AWS replaces both without a word, so nothing of anybody else's is ever replaced here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activities._aws import NotThere, outcome, request_id
from activities._waf.acl import WebAcls, ref_of
from activities._waf.config import WafConfig, WebAclTarget
from stanch.errors import Rejected


@dataclass(frozen=True)
class Flip:
    """What was done. `already` where it stood before and there is nothing to take back."""

    already: bool
    before: str
    after: str


class Flips:
    """Association and logging of the web ACLs of one connector."""

    def __init__(self, client: Any, config: WafConfig, acls: WebAcls) -> None:
        self._client = client
        self._config = config
        self._acls = acls

    def associate(self, host: str) -> Flip:
        """Put the web ACL in front of the host's `resource`.

        Raises:
            Rejected: the resource is not configured, or has another web ACL, which AWS would silently replace.
        """
        target, arn = self._target(host), self._arn(host)
        standing = self._acls.of_resource(_resource(target))
        if standing == arn:
            return Flip(already=True, before=standing, after=arn)
        if standing:
            raise Rejected(
                "another web ACL stands in front of the resource", hint="take it away first, or name it in `web_acls`"
            )
        with outcome("AssociateWebACL", write=True):
            request_id(self._client.associate_web_acl(WebACLArn=arn, ResourceArn=_resource(target)))
        return Flip(already=False, before="", after=arn)

    def dissociate(self, host: str) -> bool:
        """Take the web ACL away; one that somebody else has put there since is left, and that is False."""
        target, arn = self._target(host), self._arn(host)
        if self._acls.of_resource(_resource(target)) != arn:
            return False
        with outcome("DisassociateWebACL", write=True):
            request_id(self._client.disassociate_web_acl(ResourceArn=_resource(target)))
        return True

    def enable_logging(self, host: str) -> Flip:
        """Send the web ACL's log to `log_destination`, authorization and cookies left out.

        Raises:
            Rejected: no destination is configured, or logs go somewhere else.
        """
        if not self._config.log_destination:
            raise Rejected("nobody has said where logs go", hint="set `log_destination` of the connector")
        arn = self._arn(host)
        standing = self._logging(arn)
        if standing is not None:
            if standing.get("LogDestinationConfigs") != [self._config.log_destination]:
                raise Rejected("the web ACL is logged to another place already", hint="leave it, or change it by hand")
            return Flip(already=True, before=self._config.log_destination, after=self._config.log_destination)
        with outcome("PutLoggingConfiguration", write=True):
            request_id(self._client.put_logging_configuration(LoggingConfiguration=self._wanted(arn)))
        return Flip(already=False, before="", after=self._config.log_destination)

    def disable_logging(self, host: str) -> bool:
        """Stop it where it is as we set it; what somebody changed since is theirs, and that is False."""
        arn = self._arn(host)
        standing = self._logging(arn)
        if standing is None or not self._ours(standing, arn):
            return False
        with outcome("DeleteLoggingConfiguration", write=True):
            request_id(self._client.delete_logging_configuration(ResourceArn=arn))
        return True

    def _wanted(self, arn: str) -> dict[str, Any]:
        hidden = [{"SingleHeader": {"Name": name}} for name in ("authorization", "cookie")]
        return {"ResourceArn": arn, "LogDestinationConfigs": [self._config.log_destination], "RedactedFields": hidden}

    def _ours(self, standing: Mapping[str, Any], arn: str) -> bool:
        wanted = self._wanted(arn)
        return all(standing.get(name) == value for name, value in wanted.items()) and not standing.get("LoggingFilter")

    def _logging(self, arn: str) -> Mapping[str, Any] | None:
        try:
            with outcome("GetLoggingConfiguration", write=False):
                answer = self._client.get_logging_configuration(ResourceArn=arn)
                found: Mapping[str, Any] = answer["LoggingConfiguration"]
        except NotThere:
            return None
        return found

    def _target(self, host: str) -> WebAclTarget:
        found = self._config.target(host)
        if found is None:
            raise Rejected("no web ACL is configured for this host", hint="add it to `web_acls` of the connector")
        return found

    def _arn(self, host: str) -> str:
        return ref_of(self._acls, self._target(host)).arn


def _resource(target: WebAclTarget) -> str:
    if not target.resource:
        raise Rejected("nobody has said what the web ACL is to protect", hint="give `resource` in `web_acls`")
    return target.resource
