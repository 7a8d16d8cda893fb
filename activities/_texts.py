"""What text templates are filled with, from the scene of a case."""

from __future__ import annotations

from typing import Any

from activities._world import World
from stanch.contract import LinkedCase, Scene
from stanch.inventory import standing
from stanch.views import ApiView, FindingView, RouteView


def case_url(world: World, case_id: str) -> str:
    return f"{world.settings.public_url}/cases/{case_id}"


def case_text(world: World, scene: Scene) -> str:
    return f"Case {scene.case_id}: {case_url(world, scene.case_id)}"


def standing_of(world: World, scene: Scene) -> tuple[tuple[str, str], ...]:
    """How critical the API is and who answers for it, as the inventory says now; people read it before they decide."""
    finding = scene.finding or FindingView(api=ApiView(host=scene.host))
    pairs = standing(world.policy.current.inventory.known(finding).api)
    return tuple((label, world.name_of(value) if value.startswith("user:") else value) for label, value in pairs)


def _linked(world: World, item: LinkedCase) -> dict[str, Any]:
    return {**item.model_dump(), "url": case_url(world, item.case_id)}


def context_of(world: World, scene: Scene, **more: Any) -> dict[str, Any]:
    """The fields a template may use; what is not known is empty."""
    case = {
        "id": scene.case_id,
        "url": case_url(world, scene.case_id),
        "playbook": scene.playbook,
        "mode": scene.mode,
    }
    return {
        "finding": scene.finding or FindingView(),
        "route": scene.route or RouteView(),
        "case": case,
        "ticket": {"key": scene.ticket_key},
        "linked": [_linked(world, item) for item in scene.links],
        **more,
    }
