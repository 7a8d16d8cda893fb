"""EnforcementWorkflow: the single writer of one enforcement point; it holds leases and keeps the vendor to them."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from stanch import contract
from stanch.catalog import Queue
from stanch.leases import EVICTED, Lease, LeaseOutcome, LeaseState
from stanch.wire_points import Announce, EnforcementInput, Reconcile, ReconcileReply, Release
from workflows.holding import MAX_LEASES, UNKNOWN, Held, PointState, outcome_of

ATTEMPT = timedelta(seconds=60)
HEARTBEAT = timedelta(seconds=5)
GIVE_UP_ADDS = timedelta(minutes=15)
BACKOFF_FIRST, BACKOFF_MAX = 1.0, 30.0
MAX_TOLD = 200  # outcomes that one activity takes along: what it is given has a limit
IDLE = timedelta(seconds=30)


@workflow.defn(name=contract.ENFORCEMENT_WORKFLOW)
class EnforcementWorkflow:
    """Signals change what is wanted; one loop makes it so.

    Removals go first and alone; one that keeps failing takes turns with what is to be added.
    """

    @workflow.init
    def __init__(self, start: EnforcementInput) -> None:
        self._point, self._shard = start.point, start.shard
        self._state = PointState.model_validate(start.carried) if start.carried else PointState()
        self._suspect: frozenset[str] = frozenset()
        self._stuck: frozenset[str] = frozenset()  # targets that could not be lifted at the last failure
        self._doubtful: dict[str, None] = {}  # leases that failed alone, the next to be tried first
        self._lifting: frozenset[str] = frozenset()  # targets that an attempt under way takes out

    @workflow.run
    async def run(self, start: EnforcementInput) -> None:
        """Live until nothing is held and nothing is owed."""
        while True:
            try:
                if await self._turn():
                    return
            except asyncio.CancelledError:
                continue  # a point is emptied by its leases, never by cancelling its writer

    async def _turn(self) -> bool:
        self._continue_if_suggested()  # between attempts, so that an outage of days cannot fill the history
        self._state.expire(workflow.now())
        removes, adds = self._state.removes(), self._state.adds()
        patient = adds and self._stuck.issuperset(removes) and self._state.failures % 2
        if removes and not patient:
            await self._attempt(adds=[], removes=removes)
        elif adds:
            await self._attempt(adds=self._batch(adds), removes=[])
        elif self._state.pending:
            await self._announce()
        elif not self._state.leases and not self._state.applied:
            return await self._rest()
        else:
            await self._sleep_until_due()
        return False

    async def _rest(self) -> bool:
        """Nothing is held: stay a moment for the next request, then end."""
        try:
            await workflow.wait_condition(lambda: bool(self._state.leases or self._state.pending), timeout=IDLE)
        except TimeoutError:
            owed = bool(self._state.pending) and workflow.patched("rest-tells")  # it came with the end of the rest
            return workflow.all_handlers_finished() and not self._state.leases and not owed
        return False

    def _continue_if_suggested(self) -> None:
        if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
            carried = self._state.model_dump(mode="json")
            workflow.continue_as_new(EnforcementInput(point=self._point, shard=self._shard, carried=carried))

    # -- what is wanted ---------------------------------------------------------------------------------------------

    def _batch(self, adds: list[Lease]) -> list[Lease]:
        """While a batch is suspect, half of it is tried; what failed alone waits until nothing else does."""
        fresh = [lease for lease in adds if lease.lease_id not in self._doubtful]
        if not fresh:
            order = list(self._doubtful)
            return [min(adds, key=lambda lease: order.index(lease.lease_id))]
        suspects = [lease for lease in fresh if lease.lease_id in self._suspect]
        return suspects[: max(1, len(suspects) // 2)] if suspects else fresh

    # -- making it so -----------------------------------------------------------------------------------------------

    async def _attempt(self, *, adds: list[Lease], removes: list[str], full: bool = False) -> None:
        leaving = [held.lease for name, held in self._state.leases.items() if name in self._state.leaving]
        call = Reconcile(
            point=self._point,
            adds=tuple(adds),
            removes=tuple(removes),
            wanted=self._whole(adds) if full else None,
            expected=self._state.digest,
            holders=tuple(lease for lease in leaving if lease.target in removes),
            outcomes=self._promised(adds, removes),
        )
        try:
            reply = await self._asked(call)
        except ActivityError as error:
            await self._failed(adds, removes, busy=said_wait(error) and workflow.patched("busy-point"))
            return
        if reply.mismatch and full:
            await self._failed(adds, removes)
        elif reply.mismatch:
            if not (self._is_over(adds, removes) and workflow.patched("over-meanwhile")):
                await self._attempt(adds=adds, removes=removes, full=True)
        else:
            self._take(reply, adds, removes, call.outcomes)
            if any(target in self._state.applied for target in removes):
                await self._back_off(until_adds=workflow.patched("adds-pass-lifts"))  # it answers and does not lift
            else:
                self._state.failures = 0

    async def _asked(self, call: Reconcile) -> ReconcileReply:
        """The attempt's answer, awaited also when the writer is cancelled, or two attempts would write at once."""
        asking = workflow.start_activity(
            contract.RECONCILE,
            call,
            result_type=ReconcileReply,
            task_queue=contract.queue(Queue.CONTAIN),
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RetryPolicy(maximum_attempts=1),
            summary=f"+{len(call.adds)} -{len(call.removes)}",
        )
        self._lifting = frozenset(call.removes)
        try:
            reply: ReconcileReply = await asyncio.shield(asking)
        except asyncio.CancelledError:
            if not workflow.patched("attempt-outlives-cancel"):
                asking.cancel()
            reply = await asking
        finally:
            self._lifting = frozenset()
        return reply

    def _whole(self, adds: list[Lease]) -> tuple[Lease, ...]:
        """What stands and what this attempt adds; who waits for more than stands is guarded in its own attempt.

        Of a target that stands and is asked for anew both are there: refused, the new one leaves the old one standing.
        """
        standing = list(self._state.standing().values())
        return (*standing, *(lease for lease in adds if lease not in standing))

    def _is_over(self, adds: list[Lease], removes: list[str]) -> bool:
        """What the attempt is about has changed while it was under way: given back, over, or wanted anew."""
        state, now = self._state, workflow.now()
        wanted = {lease.lease_id: lease.target for lease in state.wanted().values() if lease.expires_at > now}
        return any(lease.lease_id not in wanted for lease in adds) or not {*wanted.values()}.isdisjoint(removes)

    def _promised(self, adds: list[Lease], removes: list[str]) -> tuple[LeaseOutcome, ...]:
        """What cases are told by the same activity, when it goes well: no second activity, no lost word."""
        now = workflow.now()
        held = [
            outcome_of(item.lease, LeaseState.HELD, now).model_copy(update={"target": item.lease.target})
            for item in self._state.untold({lease.target for lease in adds})
        ]
        gone = [
            outcome_of(self._state.leases[name].lease, state, now)
            for name, state in self._state.leaving.items()
            if self._state.leases[name].lease.target in removes
        ]
        return tuple(self._due() + held + gone)

    def _due(self) -> list[LeaseOutcome]:
        """What cases must still be told, as much of it as one activity takes; the words about one lease together."""
        pending = self._state.pending
        if len(pending) <= MAX_TOLD or not workflow.patched("told-in-parts"):
            return pending
        first = {outcome.lease_id for outcome in pending[:MAX_TOLD]}
        return [outcome for outcome in pending if outcome.lease_id in first]

    def _take(
        self, reply: ReconcileReply, adds: list[Lease], removes: list[str], told: tuple[LeaseOutcome, ...]
    ) -> None:
        """Believe what the point read back."""
        state, now = self._state, workflow.now()
        state.digest = reply.digest
        results = {target: (ok, code, reason) for target, ok, code, reason in reply.results}
        done = {target for target, result in results.items() if result[0]}
        for target in set(removes) & done:
            state.applied.pop(target, None)
        state.applied |= {lease.target: lease.expires_at for lease in adds if lease.target in done}
        self._settle_told({outcome.lease_id: outcome for outcome in told}, done)
        for lease in adds:
            if lease.target not in done:
                self._refused(lease, results.get(lease.target, (False, "L001", "the point gave no answer")))
        for target in results.keys() - {*removes, *(lease.target for lease in adds)}:
            if results[target][1] == EVICTED:
                self._state.evict(target, results[target][2], now)
        sharers = state.sharers()
        if sharers and workflow.patched("shared-while-written"):
            for held in sharers:
                state.share(held, now)
        self._suspect = frozenset()
        if any(lease.lease_id in self._doubtful for lease in adds):
            self._doubtful.clear()  # it was the point that failed, not these leases

    def _refused(self, lease: Lease, result: tuple[bool, str, str]) -> None:
        """Turn away who asked; others who wait for the same target have consent of their own, and are tried next.

        Who was told that it stands keeps what stands, which ends with its lease whatever end is written there: a halt
        that forbids to write another is not asked again and again.
        """
        state, now = self._state, workflow.now()
        waiting = [held.lease for held in state.untold({lease.target})]
        alone = [one for one in waiting if one.lease_id == lease.lease_id]
        if alone != waiting and workflow.patched("refused-alone"):
            waiting = alone
        state.refuse(waiting, result, now)
        if not waiting and state.overlong(lease) and workflow.patched("overlong-stays"):
            state.applied[lease.target] = lease.expires_at

    def _settle_told(self, told: dict[str, LeaseOutcome], done: set[str]) -> None:
        state = self._state
        state.pending = [outcome for outcome in state.pending if outcome.lease_id not in told]
        for lease_id, outcome in told.items():
            held = state.leases.get(lease_id)
            if held is None or held.lease.target not in done:
                continue
            if outcome.state is LeaseState.HELD:
                held.told = True
            else:
                del state.leases[lease_id]
                state.leaving.pop(lease_id, None)

    async def _failed(self, adds: list[Lease], removes: list[str], *, busy: bool = False) -> None:
        """An attempt gave no answer: back off by a timer, look for the bad lease, give up adds after 15 minutes.

        A point that is busy or away says nothing about its leases: they stay together, which takes the fewest writes.
        """
        state, now = self._state, workflow.now()
        state.digest = ""  # what the point has is unknown: the next attempt sends the full set
        for lease in adds:
            state.applied.setdefault(lease.target, UNKNOWN)  # it may have landed: then it must be lifted, too
        if removes and workflow.patched("lift-in-doubt"):
            state.applied |= dict.fromkeys(removes, UNKNOWN)  # it may be gone: nobody new is told that it stands
        if not busy:
            self._doubt(adds)
        for lease in adds:
            held = state.leases.get(lease.lease_id)
            if held is not None and held.since is not None and now - held.since > GIVE_UP_ADDS:
                self._refused(lease, (False, "L002", "the enforcement point cannot be reached"))
        await self._back_off()

    def _doubt(self, adds: list[Lease]) -> None:
        if len(adds) > 1:
            self._suspect = frozenset(lease.lease_id for lease in adds)
        for lease in adds if len(adds) == 1 else ():
            self._doubtful.pop(lease.lease_id, None)
            self._doubtful[lease.lease_id] = None

    async def _back_off(self, *, until_adds: bool = False) -> None:
        """Wait longer each time; what is new to be lifted is not kept waiting, nor are adds where the point answers."""
        self._state.failures += 1
        known = self._stuck = frozenset(self._state.removes())
        pause = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(self._state.failures - 1, 10))
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: not known.issuperset(self._state.removes()) or (until_adds and bool(self._state.adds())),
                timeout=pause,
            )

    async def _announce(self) -> None:
        """Tell cases; one that cannot be told must not hold up the blocks of others."""
        told = tuple(self._due())
        try:
            await workflow.execute_activity(
                contract.ANNOUNCE,
                Announce(point=self._point, outcomes=told),
                task_queue=contract.queue(Queue.CONTAIN),
                start_to_close_timeout=timedelta(seconds=20),
                heartbeat_timeout=HEARTBEAT,
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError:
            await self._back_off()
            return
        self._state.failures = 0
        self._state.pending = [outcome for outcome in self._state.pending if outcome not in told]

    async def _sleep_until_due(self) -> None:
        leases = self._state.leases
        due = min((held.lease.expires_at for held in leases.values()), default=None)
        left = max(timedelta(0), due - workflow.now()) if due else None
        seen = len(leases)

        def changed() -> bool:
            waiting = bool(self._state.pending or self._state.leaving or self._state.adds() or self._state.removes())
            return waiting or len(leases) != seen or workflow.info().is_continue_as_new_suggested()

        try:
            await workflow.wait_condition(changed, timeout=left)
        except TimeoutError:
            return

    # -- what comes in ----------------------------------------------------------------------------------------------

    @workflow.signal(name=contract.HOLD)
    def hold(self, lease: Lease) -> None:
        """Take a lease; the same lease again changes nothing."""
        state, now = self._state, workflow.now()
        if lease.lease_id in state.leases or lease.lease_id in state.ended:
            return
        if lease.lease_id in state.turned_away and workflow.patched("turned-away-stays"):
            return
        if len(state.leases) >= MAX_LEASES:
            reason = f"the point already holds {MAX_LEASES} leases"
            state.turn_away(lease, "L005", reason, now)
        elif lease.expires_at <= now:
            state.pending.append(outcome_of(lease, LeaseState.EXPIRED, now))
        else:
            state.leases[lease.lease_id] = held = Held(lease=lease, since=now)
            lifted = lease.target in self._lifting and workflow.patched("no-share-of-a-lift")
            if held in state.sharers() and not lifted:
                state.share(held, now)

    @workflow.signal(name=contract.RELEASE)
    def release(self, release: Release) -> None:
        """Give a lease back; the last holder of a target lifts it. A lease not known here is lifted to be sure."""
        state, lease = self._state, release.lease
        state.ended = [*state.ended, lease.lease_id][-MAX_LEASES:]
        if lease.lease_id not in state.leases:
            state.leases[lease.lease_id] = Held(lease=lease, told=True, since=workflow.now())
            state.applied.setdefault(lease.target, UNKNOWN)
        state.leaving.setdefault(lease.lease_id, LeaseState.LIFTED)

    @workflow.query(name=contract.LEASES)
    def leases(self) -> list[Lease]:
        """What is held now."""
        return [held.lease for held in self._state.leases.values()]


def said_wait(error: ActivityError) -> bool:
    """The point was not reached, or asked to come again."""
    return isinstance(error.cause, ApplicationError) and error.cause.type == "RETRY_SAFE"
