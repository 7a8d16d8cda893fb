"""From an authenticated delivery to its answer: ask records, tell Temporal, write down; repeats change nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from stanch.batching import Batcher
from stanch.errors import DependencyError, IntakeError
from stanch.intake.deliveries import Delivery
from stanch.intake.requests import Request as Arrived
from stanch.intake.storms import Pace
from stanch.records import Arrival, Conflict, Finish, Kept, New, Placed, Repeat, Taken
from stanch.records.columns import encoded
from stanch.web.answering import answer, repeated, result_of, signalled, status_word
from stanch.web.claims import claims, rivals
from stanch.web.preparing import Preparation, Prepared
from stanch.web.problems import WebError
from stanch.web.services import Services
from stanch.web.storing import LARGE, Store
from stanch.web.telling import Telling

INLINE = 16 * 1024  # bytes; a smaller body is worked on at once, since handing it to a thread costs as much
PATIENCE = 3.0  # seconds that records may take before intake goes on without them
A_TURN = 9.0  # seconds more where the same problem is just on its way to its case
A_FINDING = 0.004  # seconds more for each finding of a delivery: thousands take their time and are not a failure
TOGETHER = 256  # deliveries in one transaction
WHILE_STORING = 0.02  # seconds; under load Temporal takes longer, so that records may wait for more to write at once
AFTERWARDS = 0.1  # seconds; nobody waits for an answer that was given, so it is written with the next delivery
_LOG = logging.getLogger("stanch.intake")


class Reception:
    """Takes deliveries of one process; those that come at the same time share transactions and calls.

    Records are only asked before a finding goes to Temporal; they are written while Temporal stores it, and both are
    awaited before the answer. Deliveries of one problem take turns, and so do attacks and weaknesses of one operation,
    so that each sees what was kept.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._preparation = Preparation(services)
        self._sealing = services.keys.sealing
        self._store = Store(services.client)
        self._telling = Telling(services, self._store)
        self._pace = Pace()
        self._writing: Batcher[Taken | Finish, Kept] = Batcher(
            self._write, most=2 * TOGETHER, linger=WHILE_STORING, in_no_hurry=_is_answered, leisure=AFTERWARDS
        )
        self._looking: Batcher[Arrival, Taken] = Batcher(
            self._look, most=TOGETHER, keys=claims, rivals=rivals, behind=self._writing.hurry
        )
        self.answered: Counter[tuple[str, str]] = Counter()  # findings by source and status, since this process began

    async def receive(self, delivery: Delivery, arrived: Arrived) -> str:
        """The answer for a delivery, as JSON, once everything in it is stored.

        Raises:
            IntakeError: I030, 409, its id was used for another body.
            WebError: D010, 503, nothing can be promised; sending it again is safe.
        """
        if len(arrived.body) <= INLINE:
            prepared = self._preparation.prepare(delivery, arrived)
        else:
            prepared = await asyncio.to_thread(self._preparation.prepare, delivery, arrived)
        try:
            result, finish = await self._received(prepared)
        except BaseException:
            self._looking.release(prepared.arrival)
            raise
        self._settle(prepared, finish)
        return result

    async def _received(self, prepared: Prepared) -> tuple[str, Finish | None]:
        """The answer, and what is to be remembered of it."""
        taken = await self._taken(prepared)
        if isinstance(taken.before, Conflict):
            hint = "use a new delivery id for a new body"
            raise IntakeError("this delivery id was used for another body", status=409, code="I030", hint=hint)
        if isinstance(taken.before, Repeat) and taken.before.finished:
            return encoded(repeated(taken.before.result)), None
        result, finish = await self._stored(prepared, taken)
        self.answered.update((finish.source, str(item["status"])) for item in result["results"])
        told = answer(result)
        return finish.result if told is result else encoded(told), finish

    async def settled(self) -> None:
        """Return once all answers are remembered, or records do not take them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._writing.drained()

    def _settle(self, prepared: Prepared, finish: Finish | None) -> None:
        """Remember the answer after it was given; until then nobody else looks at these problems."""
        if finish is None:
            return self._looking.release(prepared.arrival)
        remembering = self._writing.enqueue(finish, patience=PATIENCE)
        if self._looking.has_waiting:
            self._writing.hurry()
        return remembering.add_done_callback(lambda done: self._remembered(prepared, done))

    def _remembered(self, prepared: Prepared, done: asyncio.Future[Kept]) -> None:
        """The answer is kept; where that failed a repeat is worked on again, and its cases know it."""
        self._looking.release(prepared.arrival)
        error = None if done.cancelled() else done.exception()
        if error is not None:
            _LOG.warning("records cannot be used: an answer is not kept for repeats", exc_info=_unexpected(error))

    async def _taken(self, prepared: Prepared) -> Taken:
        """What records say. Without them intake goes on: the cases themselves know what they have been told."""
        arrival = prepared.arrival
        try:
            return await self._looking.enqueue(arrival, patience=_patience(arrival), turn=A_TURN)
        except (DependencyError, TimeoutError):
            if arrival.quarantined:  # kept nowhere else
                raise _not_kept() from None
            _LOG.warning("records cannot be used: a delivery is taken without them")
            return Taken(New(), tuple(Placed(item.row.case_id) for item in arrival.items))

    async def _look(self, arrivals: Sequence[Arrival]) -> list[Taken]:
        return await asyncio.to_thread(self._services.records.look, arrivals)

    async def _write(self, given: Sequence[Taken | Finish]) -> list[Kept]:
        """Write deliveries down, and with them the answers that were given to earlier ones."""
        return await asyncio.to_thread(self._written, given)

    def _written(self, given: Sequence[Taken | Finish]) -> list[Kept]:
        records, sealing, keep = self._services.records, self._sealing, self._services.settings.keep_originals
        taken = [item for item in given if isinstance(item, Taken)]
        finished = [item for item in given if isinstance(item, Finish)]
        if not taken:
            records.finish(finished)
        kept = iter(records.keep(taken, keys=sealing, keep=keep, finished=finished) if taken else ())
        return [next(kept) if isinstance(item, Taken) else Kept() for item in given]

    def _keeping_of(self, taken: Taken) -> asyncio.Future[Kept] | None:
        """A delivery on its way into records; None where they are gone without."""
        return self._writing.enqueue(taken, patience=_patience(taken.arrival)) if taken.arrival is not None else None

    async def _kept(self, keeping: asyncio.Future[Kept] | None, arrival: Arrival) -> Kept:
        """What was written down. Where that fails the cases know what they have been told, and intake goes on."""
        if keeping is None:
            return Kept()
        try:
            kept = await keeping
        except (DependencyError, TimeoutError):
            if arrival.quarantined:
                raise _not_kept() from None
            _LOG.warning("records cannot be used: a delivery is not written down")
            return Kept()
        self._pace.learn(arrival.source, kept.fresh, at=arrival.at)
        return kept

    async def _stored(self, prepared: Prepared, taken: Taken) -> tuple[dict[str, Any], Finish]:
        keeping = self._keeping_of(taken)
        try:
            first = _is_kept_first(taken, self._counted(taken))
            statuses = [] if first else await self._put(prepared, taken)
            kept = await self._kept(keeping, prepared.arrival)
            await self._telling.seen(prepared, kept)
            statuses = await self._put(prepared, taken) if first else statuses
            await self._telling.gone(prepared, kept.gone)
        except WebError:
            await self._give_back(keeping, taken)
            raise
        due = {placed.case_id: placed.due for placed in taken.placed if placed.due is not None}
        for case, when in due.items():
            await self._store.tell_later(case, when)
        result = result_of(prepared, taken, statuses)
        arrival = prepared.arrival
        return result, Finish(
            source=arrival.source,
            delivery_id=arrival.delivery_id,
            result=encoded(result),
            at=arrival.at,
            signalled=tuple(signalled(arrival.items, taken.placed, statuses)),
            due=tuple(due.items()),
            storm=kept.storm,
        )

    def _counted(self, taken: Taken) -> int:
        """New problems of this minute from the same source, with these."""
        arrival = taken.arrival
        return self._pace.count(arrival.source, taken.fresh, at=arrival.at) if arrival is not None else 0

    async def _give_back(self, keeping: asyncio.Future[Kept] | None, taken: Taken) -> None:
        if keeping is not None:
            await asyncio.wait([keeping])
        with contextlib.suppress(DependencyError):
            await asyncio.to_thread(self._services.records.give_back, taken.placed)

    async def _put(self, prepared: Prepared, taken: Taken) -> list[str]:
        """Hand what is to be signalled to Temporal; the status of each finding."""
        pairs = list(zip(prepared.findings, taken.placed, strict=True))
        reports = [
            self._telling.report(prepared.delivery, finding, placed) for finding, placed in pairs if placed.signal
        ]
        if len(reports) > LARGE:
            delivery = prepared.delivery
            await self._store.put_large(reports, source=delivery.source_id, delivery_id=delivery.delivery_id)
            stored = [True] * len(reports)
        else:
            stored = await self._store.put(reports) if reports else []
        came = iter(stored)
        return [status_word(placed, came) for _, placed in pairs]


def _is_answered(item: Taken | Finish) -> bool:
    return isinstance(item, Finish)


def _unexpected(error: BaseException) -> BaseException | None:
    """What a log should tell all about; that records are down is nothing more to know."""
    return None if isinstance(error, DependencyError | TimeoutError) else error


def _patience(arrival: Arrival) -> float:
    return PATIENCE + A_FINDING * len(arrival.items)


def _is_kept_first(taken: Taken, fresh: int) -> bool:
    """Whether records must be written before anybody is told: a case that begins reads links and storms there."""
    arrival = taken.arrival
    if arrival is None:
        return False
    return taken.near or bool(arrival.quarantined) or fresh > arrival.storm_limit


def _not_kept() -> WebError:
    return WebError("records cannot be reached", status=503, code="D010", hint="send it again")
