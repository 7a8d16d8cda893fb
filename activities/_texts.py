"""Text templates as they were when a case began, filled from its scene."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from activities._world import World
from stanch.contract import LinkedCase, Scene
from stanch.errors import ConfigError, DependencyError
from stanch.inventory import standing
from stanch.texts import Text, Texts, shipped
from stanch.texts.context import EvidenceText
from stanch.texts.plans import PlanText, plan_words
from stanch.views import ApiView, FindingView, RouteView

MAX_EVIDENCE = 5
MAX_KEPT = 16  # sets of templates that one worker holds for cases that began with them


def keep_texts(world: World, texts: Texts) -> None:
    """Keep the templates that a case begins with; without records the case goes on, by those of the day."""
    if texts.digest not in world.kept_texts:
        with contextlib.suppress(DependencyError):
            world.records.keep_texts(texts.digest, texts.sources)
            _remember(world, texts)


def render(world: World, scene: Scene, template: str, context: Mapping[str, Any]) -> Text:
    """A text in the words that the run began with, whatever was edited or deleted since.

    Raises:
        ConfigError: there is no such template.
    """
    now = world.policy.current.texts
    begun = None if scene.texts in ("", now.digest) else world.kept_texts.get(scene.texts) or _kept(world, scene.texts)
    if begun is not None:
        with contextlib.suppress(ConfigError):  # a field that this release does not know any more
            return begun.render(template, context)
    try:
        return now.render(template, context)
    except ConfigError:  # a ticket in our own words is better than none
        if template not in shipped().names:
            raise
        return shipped().render(template, context)


def _kept(world: World, digest: str) -> Texts | None:
    """What an earlier process has kept; templates that this release does not take any more are not used."""
    with contextlib.suppress(DependencyError, ConfigError):
        sources = world.records.kept_texts(digest)
        return _remember(world, Texts(sources)) if sources is not None else None
    return None


def _remember(world: World, texts: Texts) -> Texts:
    kept = world.kept_texts
    for old in list(kept)[: max(0, len(kept) - MAX_KEPT + 1)]:
        kept.pop(old, None)
    kept[texts.digest] = texts
    return texts


def case_url(world: World, case_id: str) -> str:
    return f"{world.settings.public_url}/cases/{case_id}"


def case_text(world: World, scene: Scene) -> str:
    return f"Case {scene.case_id}: {case_url(world, scene.case_id)}"


def standing_of(world: World, scene: Scene) -> tuple[tuple[str, str], ...]:
    """How critical the API is and who answers for it, as the inventory says now; people read it before they decide."""
    finding = scene.finding or FindingView(api=ApiView(host=scene.host))
    pairs = standing(world.policy.current.inventory.known(finding).api)
    return tuple((label, world.name_of(value) if value.startswith("user:") else value) for label, value in pairs)


def evidence_of(world: World, scene: Scene) -> list[EvidenceText]:
    """The first pieces of evidence of the newest report, redacted when it arrived; none while records are away."""
    with contextlib.suppress(DependencyError):
        row = world.records.newest_finding(scene.case_id)
        found: list[object] = list(row.body.get("evidence") or ()) if row is not None else []
        with contextlib.suppress(ValidationError):  # what an older release stored in another form
            return [EvidenceText.model_validate(item) for item in found[:MAX_EVIDENCE]]
    return []


def _plan(world: World, scene: Scene, route: RouteView) -> PlanText:
    """The plan in words; nothing where the playbook was edited since the case began, or others ride along with it."""
    entry = world.policy.current.playbooks.entries.get(scene.playbook)
    host = scene.finding.api.host if scene.finding else scene.host
    scanners = tuple(scanners_of(world, host))
    if entry is None or entry.plan.digest != scene.plan_digest:
        return PlanText(scanners=scanners)
    return plan_words(entry.plan, route, mode=scene.mode, scanners=scanners)


def scanners_of(world: World, host: str) -> Iterator[str]:
    """Scanners that may look at a host, in the order of stanch.toml."""
    for name, section in world.sections("scanner").items():
        serves = section.get("serves") or ()
        if not serves or any(fnmatch.fnmatchcase(host, pattern) for pattern in serves):
            yield name


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
    route = scene.route or RouteView()
    return {
        "finding": scene.finding or FindingView(),
        "route": route,
        "plan": _plan(world, scene, route),
        "case": case,
        "ticket": {"key": scene.ticket_key, "url": scene.ticket_url},
        "linked": [_linked(world, item) for item in scene.links],
        **more,
    }
