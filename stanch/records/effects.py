"""Leases and approvals as people look them up; the workflows hold the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from stanch.approvals import ApprovalState
from stanch.leases import LIVE, Lease, LeaseState
from stanch.records import schema
from stanch.records.database import Database


@dataclass(frozen=True)
class LeaseRow:
    """A lease and where it stands at its point."""

    lease: Lease
    state: LeaseState
    updated: datetime
    code: str = ""
    reason: str = ""
    proof: Mapping[str, str] = field(default_factory=dict[str, str])


class Effects(Database):
    """Leases and approvals."""

    def put_lease(self, row: LeaseRow) -> None:
        """Store where a lease stands, unless something later is stored."""
        lease = row.lease
        values = {name: getattr(lease, name) for name in ("lease_id", "case_id", "step", "point", "target")}
        values |= {"state": row.state.value, "updated": row.updated, "code": row.code, "reason": row.reason}
        values |= {"expires_at": lease.expires_at, "lease": lease.model_dump(mode="json"), "proof": dict(row.proof)}
        with self._write() as db:
            self._upsert(db, schema.leases, values, unless_newer="updated")

    def lease(self, lease_id: str) -> LeaseRow | None:
        with self._read() as db:
            row = db.execute(select(schema.leases).where(schema.leases.c.lease_id == lease_id)).one_or_none()
        return None if row is None else _lease(row)

    def leases(self, *, live: bool = True, case_id: str = "", point: str = "", limit: int = 1000) -> list[LeaseRow]:
        """Leases, soonest expiry first; live means requested or held."""
        table = schema.leases
        query = select(table).order_by(table.c.expires_at, table.c.lease_id).limit(limit)
        if live:
            query = query.where(table.c.state.in_([state.value for state in LIVE]))
        if case_id:
            query = query.where(table.c.case_id == case_id)
        if point:
            query = query.where(table.c.point == point)
        with self._read() as db:
            return [_lease(row) for row in db.execute(query)]

    def put_approval(self, state: ApprovalState) -> None:
        """Store how an approval stands, unless something newer is stored."""
        request, settled = state.request, state.settled
        values = {"approval_id": request.approval_id, "case_id": request.case_id, "step": request.step}
        counts: dict[str, Any] = {"version": len(state.votes) + len(state.refusals) + 1000 * (settled is not None)}
        counts |= {"digest": request.digest, "outcome": settled.outcome.value if settled else ""}
        times = {"created": request.created_at, "expires": request.expires_at}
        with self._write() as db:
            row = values | counts | times | {"state": state.model_dump(mode="json")}
            self._upsert(db, schema.approvals, row, unless_newer="version")

    def approval(self, approval_id: str) -> ApprovalState | None:
        table = schema.approvals
        with self._read() as db:
            found = db.execute(select(table.c.state).where(table.c.approval_id == approval_id)).scalar_one_or_none()
        return None if found is None else ApprovalState.model_validate(found)

    def approvals(self, *, pending: bool = True, case_id: str = "", limit: int = 200) -> list[ApprovalState]:
        """Approvals, soonest expiry first; pending means nobody has settled them."""
        table = schema.approvals
        query = select(table.c.state).order_by(table.c.expires, table.c.approval_id).limit(limit)
        if pending:
            query = query.where(table.c.outcome == "")
        if case_id:
            query = query.where(table.c.case_id == case_id)
        with self._read() as db:
            return [ApprovalState.model_validate(state) for state in db.execute(query).scalars()]


def _lease(row: Row[Any]) -> LeaseRow:
    return LeaseRow(
        lease=Lease.model_validate(row.lease),
        state=LeaseState(row.state),
        updated=row.updated,
        code=row.code,
        reason=row.reason,
        proof=row.proof,
    )
