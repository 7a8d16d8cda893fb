"""What `stanch doctor` says of the WAF log: whether it is there, whether it has every request, and what it hides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from activities._waf.acl import Acl, WebAcls, protecting
from activities._waf.config import WafPointConfig
from activities._waf.logged import WafLog
from stanch.errors import ConnectorError
from stanch.ports import Check

_LOOK = timedelta(minutes=10)
_FIX = "let all of `web_acls` log to it (waf.enable_logging), or leave `log_group` out; see docs/waf.md, The log"


def examine_log(name: str, config: WafPointConfig, acls: WebAcls, log: WafLog | None) -> Iterator[Check]:
    """One check for each web ACL, or one that says that no log is read."""
    if log is None:
        told = "none is read (`log_group`): estimates rest on samples, and no log says whose block denied a request"
        yield Check(f"{name}: log group", ok=True, detail=told)
        return
    for host, target in config.web_acls.items():
        title = f"{name}: log group of {host}"
        try:
            yield _of_acl(title, acls.read(protecting(acls, target)), log)
        except ConnectorError as error:
            yield Check(title, ok=False, detail=error.message, fix=_FIX)


def _of_acl(title: str, acl: Acl, log: WafLog) -> Check:
    setup = log.setup(acl)
    logged = log.since(acl, datetime.now(UTC) - _LOOK)
    if setup.drops:
        detail = f"{log.group.name}: its filter drops {setup.drops}, so estimates rest on samples"
        return Check(title, ok=False, detail=detail, fix="let the logging filter keep all requests")
    hidden = f"; it hides {', '.join(setup.redacted)}: blocks by these cannot be judged" if setup.redacted else ""
    seen = f"{len(logged.records)} requests in ten minutes" if logged.records else "no request in ten minutes"
    return Check(title, ok=True, detail=f"{log.group.name}: {seen}{hidden}")
