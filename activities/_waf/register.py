"""Who holds which address of a pool, written into labels of a rule that never matches.

A set's addresses carry no notes of their own. The list stands in the same rule group as the pool's rule, so that one
update changes both, and everything can be lifted from the vendor's state alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities._waf.entry import POOL, Tag
from stanch.errors import Rejected

Rule = Mapping[str, Any]
LIST = "stanch_list-"
HEAD = "stanch:held:"
SEGMENT = 128  # characters of a namespace or name
PER_LABEL = 4  # AWS allows five namespaces and a name; two are the head
PER_RULE = 100 * PER_LABEL  # labels of a rule
_SEGMENT = re.compile(
    r"(?P<target>[0-9A-Za-z]{1,64})_(?P<expires>[0-9a-f]{1,9})_(?P<risk>[0-9])"
    r"_(?P<address>[0-9a-f]{8}|[0-9a-f]{32})(?P<prefix>[0-9a-f]{2})_(?P<case>[A-Za-z0-9_-]{1,64})"
)


@dataclass(frozen=True, order=True)
class Held:
    """One address, held by one lease."""

    tag: Tag
    network: str


def list_rules(pool: str, held: Iterable[Held]) -> list[dict[str, Any]]:
    """The rules that hold the list of a pool (`POOL...` name), without priorities.

    Raises:
        Rejected: a case id is too long for a label.
    """
    segments = [_segment(one) for one in sorted(held)]
    labels = [HEAD + ":".join(segments[at : at + PER_LABEL]) for at in range(0, len(segments), PER_LABEL)]
    chunks = [labels[at : at + 100] for at in range(0, len(labels), 100)]
    return [_rule(f"{LIST}{pool.removeprefix(POOL)}-{number}", chunk) for number, chunk in enumerate(chunks, 1)]


def pool_listed(rule: Rule) -> str:
    """The pool whose list a rule is, "" for other rules."""
    name = str(rule["Name"])
    return POOL + name.removeprefix(LIST).rpartition("-")[0] if name.startswith(LIST) else ""


def read_list(rule: Rule) -> list[Held]:
    """What a rule lists; what cannot be read is left out, and stays blocked until somebody looks."""
    words = (str(label["Name"]) for label in rule.get("RuleLabels", ()))
    texts = (text for word in words if word.startswith(HEAD) for text in word.removeprefix(HEAD).split(":"))
    return [held for text in texts if (held := _read(text))]


def overhead(count: int) -> int:
    """How many rules list so many."""
    return -(-count // PER_RULE)


def _segment(held: Held) -> str:
    network = ipaddress.ip_network(held.network)
    tag = held.tag
    where = f"{network.network_address.packed.hex()}{network.prefixlen:02x}"
    text = f"{tag.target}_{tag.expires:x}_{tag.risk}_{where}_{tag.case_id}"
    if not _SEGMENT.fullmatch(text) or len(text) > SEGMENT:
        raise Rejected("the case id cannot be part of a label", hint="use letters, digits, - and _")
    return text


def _read(text: str) -> Held | None:
    found = _SEGMENT.fullmatch(text)
    if found is None:
        return None
    address = ipaddress.ip_address(bytes.fromhex(found["address"]))
    tag = Tag(int(found["risk"]), int(found["expires"], 16), found["target"], found["case"])
    try:
        return Held(tag, str(ipaddress.ip_network(f"{address}/{int(found['prefix'], 16)}")))
    except ValueError:
        return None


def _rule(name: str, labels: Sequence[str]) -> dict[str, Any]:
    never = {"LabelMatchStatement": {"Scope": "LABEL", "Key": "stanch:never"}}
    shown = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": name}
    return {
        "Name": name,
        "Statement": never,
        "Action": {"Count": {}},
        "RuleLabels": [{"Name": label} for label in labels],
        "VisibilityConfig": shown,
    }
