"""How a web ACL logs, as far as it bears on what its log can tell: where to, what is hidden, and what is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities._aws import NotThere, outcome
from activities._waf.acl import Acl
from stanch.errors import AuthBlocked

_KINDS = {"UriPath": "path", "QueryString": "query string", "Method": "method", "SingleHeader": "header"}
_SHOWN = 5


@dataclass(frozen=True)
class Setup:
    """A web ACL's logging.

    Args:
        problem: why the log group says nothing of this web ACL, "" where it does.
        redacted: fields that the log has no value of.
        drops: requests that the logging filter leaves out, in words, "" where it keeps all.
    """

    problem: str = ""
    redacted: tuple[str, ...] = ()
    drops: str = ""


def read_setup(client: Any, acl: Acl, group: str) -> Setup:
    """How a web ACL logs to a log group.

    Raises:
        RetrySafe: AWS did not say.
    """
    try:
        with outcome("GetLoggingConfiguration", write=False):
            found: Mapping[str, Any] = client.get_logging_configuration(ResourceArn=acl.ref.arn)["LoggingConfiguration"]
            places = [str(place) for place in found["LogDestinationConfigs"]]
    except NotThere:
        return Setup(problem=f"web ACL {acl.ref.name} is not logged")
    except AuthBlocked:
        return Setup(problem="Stanch may not ask how the web ACL is logged (wafv2:GetLoggingConfiguration)")
    if group not in map(_group, places):
        return Setup(problem=f"web ACL {acl.ref.name} logs elsewhere, not to {group}")
    return Setup(redacted=tuple(_redacted(found)), drops=_drops(found.get("LoggingFilter")))


def _group(arn: str) -> str:
    return arn.partition(":log-group:")[2].removesuffix(":*")


def _redacted(logging: Mapping[str, Any]) -> Iterator[str]:
    fields: Sequence[Mapping[str, Any]] = logging.get("RedactedFields") or ()
    for field in fields:
        for kind, body in field.items():
            name = str(body.get("Name", "")) if kind == "SingleHeader" else ""
            yield f"{_KINDS.get(kind, kind)} {name.lower()}".strip()


def _drops(wanted: Mapping[str, Any] | None) -> str:
    """A filter that keeps all that it does not name, and names nothing to be dropped, drops nothing."""
    if wanted is None:
        return ""
    filters: Sequence[Mapping[str, Any]] = wanted.get("Filters", ())
    dropping = [one for one in filters if one.get("Behavior") != "KEEP"]
    if wanted.get("DefaultBehavior") != "KEEP":
        kept = ", ".join(_conditions(one) for one in filters if one not in dropping)
        return f"all but {kept}" if kept else "all"
    return "; ".join(_conditions(one) for one in dropping)


def _conditions(one: Mapping[str, Any]) -> str:
    words = [str(next(iter(next(iter(part.values())).values()))) for part in one.get("Conditions", ())]
    return " and ".join(words[:_SHOWN]) if one.get("Requirement") == "MEETS_ALL" else " or ".join(words[:_SHOWN])
