"""Users at providers where others act at the same time, under several names, and answers are late or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities import _user_point
from activities._user_note import Note, User
from activities._user_point import UserPoint
from activities._world import connectors
from stanch.errors import ConnectorError, RetrySafe, Uncertain
from stanch.leases import Lease, SuspendSpec, target_of
from stanch.ports import Check
from stanch.sandbox._idp import IdpStandin
from stanch.sandbox._server import Fault
from stanch.sandbox.auth0 import Auth0Standin
from stanch.sandbox.entra import EntraStandin
from stanch.sandbox.keycloak import KeycloakStandin
from stanch.sandbox.okta import OktaStandin

VENDORS: dict[str, type[IdpStandin]] = {
    "okta": OktaStandin,
    "keycloak": KeycloakStandin,
    "auth0": Auth0Standin,
    "entra": EntraStandin,
}


def lease(name: str, *, case: str = "case-1", hours: float = 24) -> Lease:
    spec = SuspendSpec(user_id=name)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    base = {"lease_id": f"{case}-{name}", "case_id": case, "episode": "e", "step": "s", "point": "idp"}
    return Lease.model_validate({**base, "target": target_of(spec), "spec": spec, "expires_at": until})


def point(idp: IdpStandin) -> UserPoint:
    made: UserPoint = connectors()["point", f"{idp.name}_user"].build("idp", idp.section())
    return made


def hold(at: UserPoint, *leases: Lease) -> list[Any]:
    return list(at.reconcile(adds=leases, removes=[], wanted=None, expected="").results)


def lift(at: UserPoint, one: Lease) -> Any:
    (result,) = at.reconcile(adds=[], removes=[one.target], wanted=None, expected="", known=[one]).results
    return result


# -- others at the same time -------------------------------------------------------------------------------------------


def test_whom_an_administrator_deactivated_meanwhile_stays_out_and_the_lift_ends() -> None:
    with OktaStandin() as okta:
        person = okta.by_login("mallory")
        held, at = lease(person.id), point(okta)
        assert hold(at, held)[0].proof["ours"] == "true"
        person.notes["status"] = "DEPROVISIONED"
        for each in (at, point(okta)):
            done = lift(each, held)
            assert (done.ok, done.proof["state"]) == (True, _user_point.OUT)
        assert not person.enabled
        assert point(okta).list_owned() == []
        again = hold(point(okta), held)[0]
        assert (again.ok, again.proof["ours"]) == (True, "false")


@pytest.mark.parametrize("hours_after_end", [-1, 1])
def test_whom_an_administrator_suspends_after_our_end_is_theirs_whatever_note_is_left(hours_after_end: int) -> None:
    """Reactivated after a deactivation, which keeps our note."""
    with OktaStandin() as okta:
        person = okta.by_login("mallory")
        hold(point(okta), held := lease(person.id))
        until = held.expires_at - timedelta(hours=48)
        person.notes["stanch_lease"] = str(Note("case-1", int(until.timestamp()), held.target))
        okta.changed[person.id] = (until + timedelta(hours=hours_after_end)).isoformat()
        at, theirs = point(okta), hours_after_end > 0
        assert bool(at.list_owned()) is not theirs
        assert lift(at, held).ok
        assert person.enabled is not theirs


@pytest.mark.parametrize("kind", ["okta", "keycloak"])
def test_a_second_name_of_the_same_user_does_not_end_the_first_hold(kind: str) -> None:
    with VENDORS[kind]() as idp:
        person = idp.by_login("mallory")
        first, second = lease(person.id, case="case-1"), lease("mallory", case="case-2", hours=1)
        hold(point(idp), first)
        refused = hold(point(idp), second)[0]
        assert not refused.ok
        assert "case-1 holds this user already" in refused.reason
        lift(point(idp), second)
        assert not person.enabled, "the first case still holds them"
        lift(point(idp), first)
        assert person.enabled
        assert hold(point(idp), second)[0].ok


def test_a_note_past_its_end_does_not_keep_another_name_out() -> None:
    with KeycloakStandin() as idp:
        person = idp.by_login("mallory")
        hold(point(idp), lease(person.id, hours=-1))
        assert hold(point(idp), lease("mallory", case="case-2"))[0].ok
        (owned,) = point(idp).list_owned()
        assert owned.case_id == "case-2"


# -- wrong and late answers --------------------------------------------------------------------------------------------


@pytest.fixture(params=VENDORS)
def idp(request: pytest.FixtureRequest) -> Iterator[IdpStandin]:
    with VENDORS[request.param]() as standin:
        yield standin


def test_an_error_with_status_200_is_no_empty_list(idp: IdpStandin) -> None:
    held = lease(idp.by_login("mallory").id)
    hold(point(idp), held)
    idp.faults.script("listUsers", Fault("error_200"))
    with pytest.raises(RetrySafe):
        point(idp).list_owned()
    idp.faults.script("listUsers", Fault("error_200"))
    with pytest.raises(RetrySafe):
        point(idp).reconcile(adds=[], removes=[held.target], wanted=None, expected="")
    assert not idp.by_login("mallory").enabled


def test_an_error_with_status_200_is_no_user(idp: IdpStandin) -> None:
    held = lease(idp.by_login("mallory").id)
    idp.faults.script("getUser", Fault("error_200"))
    with pytest.raises(ConnectorError):
        hold(point(idp), held)
    assert hold(point(idp), held)[0].proof["ours"] == "true"


@dataclass
class Behind:
    """A directory whose reads are some reads behind its writes."""

    lag: int = 0
    now: User = field(default_factory=lambda: User("u1", True, None))
    shown: list[User] = field(default_factory=list[User])
    vendor = "Slow"
    where = {"pool": "p"}  # noqa: RUF012  a stand-in of the test

    def _to(self, **change: Any) -> None:
        self.shown = [self.now] * self.lag
        self.now = User(**{**vars(self.now), **change})

    def user(self, name: str) -> User:
        return self.shown.pop() if self.shown else self.now

    def suspended(self) -> Iterator[User]:
        yield from [] if self.now.enabled else [self.now]

    def mark(self, name: str, note: Note) -> None:
        self._to(note=note)

    def unmark(self, name: str) -> None:
        self._to(note=None)

    def suspend(self, name: str) -> None:
        self._to(enabled=False)

    def resume(self, name: str) -> None:
        self._to(enabled=True)

    def obstacle(self) -> Check | None:
        return None

    def doctor(self) -> list[Check]:
        return []


def test_reads_a_moment_behind_are_no_reason_to_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_user_point, "PAUSES", (0.0, 0.0))
    slow = Behind(lag=2)
    at = UserPoint("slow", slow)
    assert hold(at, lease("u1"))[0].proof == {"user": "u1", "pool": "p", "ours": "true", "state": "disabled"}
    assert lift(at, lease("u1")).proof["state"] == "enabled"
    assert (slow.now.enabled, slow.now.note) == (True, None)
    slow.lag = 3
    with pytest.raises(Uncertain):
        hold(at, lease("u1"))
