"""Tries every link of a deployment: Temporal, records, policy, connectors; each failure comes with a fix."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from activities._world import SECTIONS, World
from stanch.contract import SEARCH_ATTRIBUTES
from stanch.errors import StanchError
from stanch.ports import Check


def examine(world: World) -> list[Check]:
    """All checks, none of which changes anything."""
    return [*_temporal(), *_records(world), _policy(world), *_connectors(world)]


def _temporal() -> Iterator[Check]:
    from stanch.temporal import connect, search_attributes

    async def look() -> dict[str, str]:
        return await search_attributes(await connect(tries=1))

    try:
        present = asyncio.run(look())
    except StanchError as error:
        yield Check("temporal", ok=False, detail=error.message, fix=error.hint)
        return
    yield Check("temporal", ok=True, detail="answers")
    wrong = sorted(name for name, kind in SEARCH_ATTRIBUTES.items() if present.get(name) != kind)
    detail = f"missing or of another type: {', '.join(wrong)}" if wrong else "present, with the right types"
    yield Check("search attributes", ok=not wrong, detail=detail, fix="run `stanch bootstrap`")


def _records(world: World) -> Iterator[Check]:
    try:
        world.records.ping()
    except StanchError as error:
        yield Check("records", ok=False, detail=error.message, fix=error.hint)
        return
    yield Check("records", ok=True, detail="can be read")
    found = world.records.verify()
    yield Check("ledger", ok=found.ok, detail=f"{found.entries} entries verified", fix="run `stanch audit verify`")


def _policy(world: World) -> Check:
    world.policy.current  # noqa: B018 - looks for newer files
    return Check(
        "policy", ok=not world.policy.problem, detail=world.policy.problem or "loaded", fix="`stanch validate`"
    )


def _connectors(world: World) -> Iterator[Check]:
    for port in SECTIONS:
        for name in world.sections(port):
            yield from _connector(world, port, name)


def _connector(world: World, port: str, name: str) -> Iterator[Check]:
    try:
        connector = world.connector(port, name)
        examine = getattr(connector, "doctor", None)
        found = examine() if examine is not None else [Check(name="settings", ok=True, detail="valid")]
    except StanchError as error:
        found = [Check(name="settings", ok=False, detail=error.message, fix=error.hint)]
    for check in found:
        yield Check(f"{name}: {check.name}", ok=check.ok, detail=check.detail, fix=check.fix)
