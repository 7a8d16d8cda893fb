"""Decides for one finding how much people hear of it: silence, inhibition, group, ladder, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stanch.errors import DependencyError
from stanch.noise.ladder import ladder_of
from stanch.noise.table import NoiseTable, Side, group_of, noise_table, quiet_by
from stanch.noise.words import GroupRef, Noise, Quiet
from stanch.plan import Plan
from stanch.records import InhibitSide, Records
from stanch.routing import RouteTable
from stanch.views import FindingView, RouteView

MAX_SAID = 40
LOOK_AGAIN = timedelta(hours=24)  # at a silence that may be gone, and an inhibition whose source has not said so


@dataclass(frozen=True)
class Scene:
    """What noise is judged by.

    Args:
        key: of group ids; empty where groups cannot be named, as in a simulation.
        is_weak: its source proves itself by a URL only: it holds nothing back, and joins no group of others.
        case_id: "" where nothing is to be remembered.
    """

    finding: FindingView
    route: RouteView
    now: datetime
    case_id: str = ""
    key: bytes = b""
    is_weak: bool = False


def noise_of(routes: RouteTable, records: Records | None, scene: Scene, plan: Plan | None = None) -> Noise:
    """Everything that the noise layer says; what cannot be looked up holds nothing back."""
    table = noise_table(routes)
    silence, said = _silence(table, scene)
    group, grouped = _group(table, scene)
    sides = [side for each in table.sides(scene.finding, scene.route) if (side := _believed(each, scene)) is not None]
    inhibition, inhibited = _inhibition(records, sides, scene)
    return Noise(
        group=group,
        quiet=silence or inhibition,
        ladder=ladder_of(scene.route, plan, scene.now),
        is_source=any(side.is_source for side in sides),
        considered=(*said, *inhibited, *grouped)[:MAX_SAID],
    )


def without_start(noise: Noise, now: datetime) -> Noise:
    """For a case that runs already: nobody is told again that it begins."""
    return noise.model_copy(update={"ladder": tuple(rung for rung in noise.ladder if rung.at > now)})


def _silence(table: NoiseTable, scene: Scene) -> tuple[Quiet | None, list[str]]:
    """The silence that lasts longest of those that apply; its ticket is kept where any of them keeps it."""
    judged = list(table.silences(scene.finding, scene.now))
    said = [f"silence {silence.id}: {why or 'applies'}" for silence, why in judged]
    quiet = [quiet_by(silence) for silence, why in judged if not why]
    if not quiet:
        return None, said
    longest = max(quiet, key=lambda each: each.until)
    again = min(longest.until, scene.now + LOOK_AGAIN)
    kept = any(each.keeps_ticket for each in quiet)
    return longest.model_copy(update={"keeps_ticket": kept, "again": again}), said


def _group(table: NoiseTable, scene: Scene) -> tuple[GroupRef | None, list[str]]:
    said: list[str] = []
    for grouping, why in table.groupings(scene.finding):
        if not why:
            ref = group_of(grouping, scene.finding, scene.route, scene.key, is_weak=scene.is_weak)
            values = ", ".join(f"{word}={value}" for word, value in ref.by)
            return ref if scene.key else None, [*said, f"grouping {grouping.id}: {values}"]
        said.append(f"grouping {grouping.id}: {why}")
    return None, said


def _inhibition(records: Records | None, sides: Sequence[Side], scene: Scene) -> tuple[Quiet | None, list[str]]:
    """Whether an open case holds this one back.

    A finding that is on both sides of a rule is held back by none that is on both sides too, and so never by itself.
    """
    said = [f"inhibition {side.rule}: {_role(side)}" for side in sides]
    if records is None or not scene.case_id or not sides:
        return None, said
    asked = [InhibitSide(side.rule, side.equal, side.is_source, side.is_target) for side in sides]
    try:
        found = records.inhibit(scene.case_id, asked, scene.now)
    except DependencyError:
        return None, [*said, "inhibition: records cannot be read, nothing is held back"]
    if found is None:
        return None, said
    rule, source = found
    quiet = Quiet(kind="inhibition", rule=rule, until=scene.now + LOOK_AGAIN, keeps_ticket=True, source=source)
    return quiet, [*said, f"inhibition {rule}: held back by {source}"]


def _believed(side: Side, scene: Scene) -> Side | None:
    """What counts of a side; whoever can only show a URL silences nobody."""
    if not scene.is_weak:
        return side
    return replace(side, is_source=False) if side.is_target else None


def _role(side: Side) -> str:
    return "source and target" if side.is_source and side.is_target else "source" if side.is_source else "target"
