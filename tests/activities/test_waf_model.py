"""Round trips by Amazon's own service model: every member at every depth, whatever the next version adds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from activities._aws import make_client
from activities._waf.config import AclsConfig
from activities._waf.members import carried, unknown_members
from stanch.sandbox._aws.shapes import members, service

KINDS = ("WebACL", "RuleGroup", "IPSet")
# Read and never written: who, what it weighs, and what AWS works out by itself.
READ_ONLY = {
    "WebACL": {
        *("ARN", "Capacity", "LabelNamespace", "ManagedByFirewallManager", "RetrofittedByFirewallManager"),
        *("PreProcessFirewallManagerRuleGroups", "PostProcessFirewallManagerRuleGroups"),
    },
    "RuleGroup": {"ARN", "Capacity", "LabelNamespace", "AvailableLabels", "ConsumedLabels"},
    "IPSet": {"ARN", "IPAddressVersion"},
}


def client() -> Any:
    config = AclsConfig.model_validate(
        {"region": "eu-central-1", "web_acls": {"x": "y"}, "access_key_id": "AKIA", "secret_access_key": "s"}
    )
    return make_client("wafv2", config)


@pytest.mark.parametrize("kind", KINDS)
def test_every_member_that_can_be_written_is_carried_over(kind: str) -> None:
    """A member that a new botocore can read and not write shows up here, to be thought about."""
    ours = set(carried(client(), kind))
    assert members(kind) - ours == READ_ONLY[kind]
    required = set(service("wafv2").operation_model(f"Update{kind}").input_shape.required_members)  # type: ignore[union-attr]
    assert required - ours - {"Scope", "LockToken"} == set()


def places(shape: Shape, value: Any, depth: int, seen: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each structure of a shape, as (its name, a whole value in which it has one member more)."""
    if depth == 0 or seen.count(shape.name) > 1:
        return
    if isinstance(shape, StructureShape):
        yield shape.name, {"StrangeMember": 1}
        for name, inner in shape.members.items():
            for found, one in places(inner, value, depth - 1, (*seen, shape.name)):
                yield found, {name: one}
    elif isinstance(shape, ListShape):
        for found, one in places(shape.member, value, depth, seen):
            yield found, [one]
    elif isinstance(shape, MapShape):
        for found, one in places(shape.value, value, depth, seen):
            yield found, {"key": one}


@pytest.mark.parametrize("kind", KINDS)
def test_a_strange_member_anywhere_in_a_read_is_noticed(kind: str) -> None:
    shape = service("wafv2").operation_model(f"Get{kind}").output_shape
    assert shape is not None
    tried: set[str] = set()
    for name, value in places(shape, None, 6):
        if name in tried:
            continue
        tried.add(name)
        (found,) = unknown_members(json.loads(json.dumps(value)), shape)
        assert found.endswith("StrangeMember"), name
    if kind != "IPSet":
        assert {"Rule", "Statement", "ByteMatchStatement", "FieldToMatch", "CustomResponseBody"} <= tried
        assert len(tried) > 50
