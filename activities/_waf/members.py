"""Members of an answer that the installed botocore does not know, and those that an update must send back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

UNKNOWN = "StanchUnknownMembers"
# moto repeats the token there; it is no setting that could be lost
_HARMLESS = frozenset({"WebACL.LockToken", "RuleGroup.LockToken", "IPSet.LockToken"})


def watch_unknown_members(client: Any, operation: str = "GetWebACL") -> None:
    """Make answers of a read name the members that this botocore does not know, which its parser would drop."""

    def compare(
        operation_model: OperationModel,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: Any,
    ) -> None:
        if response_dict["status_code"] != 200:
            return
        try:
            raw = json.loads(response_dict["body"])
        except ValueError:
            return  # the parser reports it
        found = unknown_members(raw, operation_model.output_shape)
        customized_response_dict[UNKNOWN] = tuple(place for place in found if place not in _HARMLESS)

    client.meta.events.register(f"before-parse.wafv2.{operation}", compare)


def carried(client: Any, kind: str) -> list[str]:
    """Members of a kind of object that an update must send back: all that can be both read and written."""
    model = client.meta.service_model
    written = set(model.operation_model(f"Update{kind}").input_shape.members)
    return sorted(written & set(model.shape_for(kind).members))


def unknown_members(value: Any, shape: Shape | None, place: str = "") -> Iterator[str]:
    """Paths in a raw answer that the service model does not describe."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, item in value.items():
            if name in shape.members:
                yield from unknown_members(item, shape.members[name], f"{place}.{name}" if place else name)
            else:
                yield f"{place}.{name}" if place else name
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for item in value:
            yield from unknown_members(item, shape.member, f"{place}[]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for item in value.values():
            yield from unknown_members(item, shape.value, f"{place}{{}}")
