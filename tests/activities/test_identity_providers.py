"""Users suspended and signed out at every provider over HTTPS: effect, undo only of what is ours, and every fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from spec_contract import OKTA, Contract

from activities import _user_point
from activities._user_note import Note
from activities._user_point import SignsOut, UserPoint
from activities._world import connectors
from stanch.errors import AuthBlocked, ConfigError, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.leases import BlockSpec, Lease, SuspendSpec, target_of
from stanch.ports import Mismatch
from stanch.sandbox._idp import IdpStandin
from stanch.sandbox._server import Fault
from stanch.sandbox.auth0 import Auth0Standin
from stanch.sandbox.entra import TENANT, EntraStandin
from stanch.sandbox.keycloak import KeycloakStandin
from stanch.sandbox.okta import OktaStandin

VENDORS: dict[str, type[IdpStandin]] = {
    "okta": OktaStandin,
    "keycloak": KeycloakStandin,
    "auth0": Auth0Standin,
    "entra": EntraStandin,
}
NOT_IN_IT = {"get /api/v1/users", "get /api/v1/meta/schemas/user/default"}  # the file holds a part of Okta's API
RESUMES = {"okta": "unsuspendUser", "keycloak": "putUser", "auth0": "patchUser", "entra": "patchUser"}
UNMARKS = {"okta": "updateUser", "keycloak": "putUser", "auth0": "patchUser", "entra": "deleteExtension"}
SUSPENDS = {"okta": "suspendUser", "keycloak": "putUser", "auth0": "patchUser", "entra": "patchUser"}


@dataclass(frozen=True)
class Tenant:
    kind: str
    idp: IdpStandin

    def point(self, **more: Any) -> UserPoint:
        made: UserPoint = connectors()["point", f"{self.kind}_user"].build("idp", self.idp.section() | more)
        return made

    def identity(self, **more: Any) -> SignsOut:
        made: SignsOut = connectors()["identity", self.kind].build("idp", self.idp.section() | more)
        return made

    def lease(self, login: str = "mallory", *, case: str = "case-1", hours: int = 24) -> Lease:
        known = {person.login: person.id for person in self.idp.people.values()}
        spec = SuspendSpec(user_id=known.get(login, login))
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
        return Lease(
            lease_id=f"{case}-{login}",
            case_id=case,
            episode="e",
            step="s",
            point="idp",
            target=target_of(spec),
            spec=spec,
            expires_at=until,
        )

    def suspend(self, *leases: Lease) -> Any:
        return self.point().reconcile(adds=leases or [self.lease()], removes=[], wanted=None, expected="")

    def resume(self, *leases: Lease) -> Any:
        targets = [one.target for one in leases or [self.lease()]]
        return self.point().reconcile(adds=[], removes=targets, wanted=None, expected="")

    def noted(self, login: str) -> bool:
        return "case=case-1" in str(self.idp.by_login(login).notes)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between looks at a user."""
    monkeypatch.setattr(_user_point, "PAUSES", (0.0,))


@pytest.fixture(params=VENDORS)
def tenant(request: pytest.FixtureRequest) -> Iterator[Tenant]:
    with VENDORS[request.param]() as idp:
        yield Tenant(request.param, idp)


def test_suspended_user_cannot_sign_in_until_lifted_and_others_can(tenant: Tenant) -> None:
    (held,) = tenant.suspend().results
    assert held.ok
    assert held.proof["ours"] == "true"
    assert not tenant.idp.sign_in("mallory")
    assert tenant.idp.sign_in("alice")
    (lifted,) = tenant.resume().results
    assert lifted.proof["state"] == "enabled"
    assert tenant.idp.sign_in("mallory")
    assert not tenant.noted("mallory")


def test_what_we_hold_is_read_from_the_provider_alone(tenant: Tenant) -> None:
    wanted = [tenant.lease(name) for name in ("alice", "bob", "mallory")]
    tenant.suspend(*wanted)
    owned = {entry.target: entry for entry in tenant.point().list_owned()}
    assert set(owned) == {lease.target for lease in wanted}
    assert {entry.case_id for entry in owned.values()} == {"case-1"}
    assert owned[wanted[0].target].expires_at == wanted[0].expires_at


def test_other_members_of_the_user_are_left_as_they_were(tenant: Tenant) -> None:
    person = tenant.idp.by_login("mallory")
    before = dict(person.notes)
    tenant.suspend()
    assert before.items() <= person.notes.items()
    tenant.resume()
    assert {name: value for name, value in person.notes.items() if value is not None} == before
    assert person.login == "mallory"


def test_somebody_elses_suspended_user_stays_suspended(tenant: Tenant) -> None:
    tenant.idp.by_login("mallory").enabled = False
    (held,) = tenant.suspend().results
    assert (held.ok, held.proof["ours"]) == (True, "false")
    assert tenant.point().list_owned() == []
    (lifted,) = tenant.resume().results
    assert lifted.ok
    assert not tenant.idp.by_login("mallory").enabled


def test_user_enabled_by_a_person_meanwhile_only_loses_the_note(tenant: Tenant) -> None:
    point, lease = tenant.point(), tenant.lease()
    point.reconcile(adds=[lease], removes=[], wanted=None, expected="")
    tenant.idp.by_login("mallory").enabled = True
    (lifted,) = point.reconcile(adds=[], removes=[lease.target], wanted=None, expected="").results
    assert lifted.proof["state"] == "enabled by somebody else before"
    assert not tenant.noted("mallory")


def test_renewal_moves_the_end_and_suspends_nobody_twice(tenant: Tenant) -> None:
    tenant.suspend()
    before = tenant.point().list_owned()
    longer = tenant.lease(hours=48)
    tenant.suspend(longer)
    assert [(item.ok, item.proof) for item in tenant.point().take_out(before)] == [(True, {"state": "renewed"})]
    (owned,) = tenant.point().list_owned()
    assert owned.expires_at == longer.expires_at
    assert tenant.idp.ledger.count("idp.disabled") == 1


def test_change_by_others_is_seen_and_healed_with_the_whole_set(tenant: Tenant) -> None:
    lease = tenant.lease()
    first = tenant.suspend(lease)
    tenant.idp.by_login("mallory").enabled = True
    with pytest.raises(Mismatch):
        tenant.point().reconcile(adds=[lease], removes=[], wanted=None, expected=first.digest)
    healed = tenant.point().reconcile(adds=[], removes=[], wanted=[lease], expected=first.digest)
    assert healed.digest == first.digest
    assert not tenant.idp.by_login("mallory").enabled


def test_unknown_user_or_block_is_refused_and_the_others_go_on(tenant: Tenant) -> None:
    block = BlockSpec(host="api.example.com")
    odd = tenant.lease("x").model_copy(update={"spec": block, "target": target_of(block)})
    leases = [tenant.lease("nobody"), odd, tenant.lease("../bob"), tenant.lease("\x00"), tenant.lease("mallory")]
    assert [result.ok for result in tenant.suspend(*leases).results] == [False, False, False, False, True]
    assert tenant.idp.by_login("bob").enabled


def test_sign_out_ends_sessions_and_suspends_nobody(tenant: Tenant) -> None:
    person = tenant.idp.by_login("alice")
    proof = tenant.identity().sign_out(person.id)
    assert person.sessions == 0
    assert proof["user"] == person.id
    assert "already out" in proof["note"]
    assert tenant.idp.sign_in("alice")
    with pytest.raises(Rejected, match="by user"):
        tenant.identity().revoke_token(token_id="jti-1", user_id="")
    assert tenant.identity().revoke_token(token_id="jti-1", user_id=person.id)["token_id"] == "jti-1"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("status", status=403), AuthBlocked),
        (Fault("status", status=429, retry_after="7"), RetrySafe),
        (Fault("status", status=503), Uncertain),
        (Fault("drop_before"), Uncertain),
        (Fault("drop_after"), Uncertain),
        (Fault("html"), Uncertain),
    ],
)
def test_fault_while_suspending_heals_on_the_next_try(
    tenant: Tenant, fault: Fault, expected: type[ConnectorError]
) -> None:
    tenant.idp.faults.script(SUSPENDS[tenant.kind], fault)
    with pytest.raises(expected):
        tenant.suspend()
    (held,) = tenant.suspend().results
    assert held.proof["ours"] == "true"
    assert not tenant.idp.by_login("mallory").enabled
    tenant.resume()
    assert tenant.idp.by_login("mallory").enabled
    assert not tenant.noted("mallory")


@pytest.mark.parametrize("mode", ["drop_before", "drop_after", "html"])
@pytest.mark.parametrize("skipped", [0, 1])
def test_fault_while_lifting_never_strands_a_user(tenant: Tenant, mode: str, skipped: int) -> None:
    point, lease = tenant.point(), tenant.lease()
    point.reconcile(adds=[lease], removes=[], wanted=None, expected="")
    if skipped:  # resuming goes well, and the fault is at taking the note off
        tenant.idp.faults.script(RESUMES[tenant.kind], Fault("lag"))
    tenant.idp.faults.script((UNMARKS if skipped else RESUMES)[tenant.kind], Fault(mode))
    with pytest.raises(Uncertain):
        point.reconcile(adds=[], removes=[lease.target], wanted=None, expected="")
    assert tenant.idp.by_login("mallory").enabled or tenant.point().list_owned()
    point.reconcile(adds=[], removes=[lease.target], wanted=None, expected="")
    assert tenant.idp.by_login("mallory").enabled
    assert not tenant.noted("mallory")


def test_user_whom_a_lease_names_is_lifted_without_the_list(tenant: Tenant) -> None:
    """After a restart the list may be seconds behind, or end before it comes to them."""
    lease = tenant.lease()
    tenant.suspend(lease)
    tenant.idp.faults.script("listUsers", *[Fault("status", status=503)] * 9)
    done = tenant.point().reconcile(adds=[], removes=[lease.target], wanted=None, expected="", known=[lease])
    assert [item.proof["state"] for item in done.results] == ["enabled"]
    assert tenant.idp.sign_in("mallory")


def test_list_that_is_cut_off_is_not_taken_for_the_whole(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.suspend(*(tenant.lease(name) for name in ("alice", "bob", "mallory")))
    for module in ("_rest", "keycloak", "entra"):
        monkeypatch.setattr(f"activities.{module}.PAGES", 1)
    for name, value in {"auth0._PAGES": 1, "auth0._PAGE": 2, "keycloak._PAGE": 2}.items():
        monkeypatch.setattr(f"activities.{name}", value)
    if isinstance(tenant.idp, OktaStandin):
        tenant.idp.page = 2
    with pytest.raises(RetrySafe):
        tenant.point().list_owned()
    with pytest.raises(RetrySafe):
        tenant.resume(tenant.lease("nobody"))


def test_refusal_to_show_the_user_is_not_taken_for_no_such_user(tenant: Tenant) -> None:
    lease = tenant.lease()
    tenant.suspend(lease)
    point = tenant.point()
    owned = point.list_owned()
    tenant.idp.faults.script("getUser", *[Fault("status", status=400)] * 2)
    assert [(item.ok, item.proof["outcome"]) for item in point.take_out(owned)] == [(False, "REJECTED")]
    with pytest.raises(Rejected):
        point.reconcile(adds=[], removes=[lease.target], wanted=None, expected="", known=[lease])
    assert not tenant.idp.by_login("mallory").enabled


@pytest.mark.parametrize("until", ["999999999999", "١٢٣"])  # beyond the calendar; digits, but none of ours
def test_note_whose_end_cannot_be_read_is_not_ours(tenant: Tenant, until: str) -> None:
    lease = tenant.lease()
    tenant.suspend(lease)
    person, text = tenant.idp.by_login("mallory"), str(Note.of(lease))
    odd = re.sub(r"until=\d+", f"until={until}", text)
    person.notes = json.loads(json.dumps(person.notes, ensure_ascii=False).replace(text, odd))
    assert odd in str(person.notes)
    assert tenant.point().list_owned() == []


def test_token_that_was_taken_back_is_renewed_once_and_a_wrong_client_is_an_error(tenant: Tenant) -> None:
    point = tenant.point()
    assert point.list_owned() == []
    tenant.idp.token = "another"
    if tenant.kind == "okta":  # its token is configured, so there is nothing to renew
        with pytest.raises(AuthBlocked):
            point.list_owned()
        return
    assert point.list_owned() == []
    with pytest.raises(AuthBlocked) as caught:
        tenant.point(client_secret="wrong-secret-value").list_owned()
    assert "wrong-secret-value" not in f"{caught.value!r} {caught.value.hint}"


def test_standins_ask_for_what_the_vendors_ask_for() -> None:
    with Auth0Standin() as auth0, EntraStandin() as entra, KeycloakStandin() as keycloak:
        for idp, path in ((auth0, "/oauth/token"), (entra, f"/{TENANT}/oauth2/v2.0/token")):
            section = idp.section()
            form = {name: section[name] for name in ("client_id", "client_secret")}
            form["grant_type"] = "client_credentials"
            assert httpx.post(idp.url + path, data=form, trust_env=False).status_code == 400
        headers = {"authorization": f"Bearer {keycloak.token}"}
        listed = httpx.get(f"{keycloak.url}/admin/realms/shop/users", headers=headers, trust_env=False).json()
        assert [name for one in listed for name in one if name == "attributes"] == []


def test_doctor_says_what_is_wrong(tenant: Tenant) -> None:
    assert all(check.ok for check in [*tenant.point().doctor(), *tenant.identity().doctor()])
    tenant.idp.faults.script("*", Fault("status", status=403))
    assert [check.ok for check in tenant.point().doctor()] == [False]


def test_place_for_the_note_is_needed_before_anything_changes() -> None:
    with OktaStandin() as okta, KeycloakStandin() as keycloak:
        okta.attributes = ()
        keycloak.policy = "DISABLED"
        for tenant in (Tenant("okta", okta), Tenant("keycloak", keycloak)):
            (result,) = tenant.suspend().results
            assert not result.ok
            assert "stanch_lease" in result.reason
            assert [check.ok for check in tenant.point().doctor()] == [False]
            assert tenant.idp.by_login("mallory").enabled


def test_doctor_finds_a_note_that_users_could_write_themselves() -> None:
    with OktaStandin() as okta, KeycloakStandin() as keycloak:
        okta.self_writable = True
        keycloak.policy = "ENABLED"
        for tenant in (Tenant("okta", okta), Tenant("keycloak", keycloak)):
            assert [check.ok for check in tenant.point().doctor()] == [True, False]


def test_okta_suspends_only_the_active_and_never_the_owner_of_our_token() -> None:
    with OktaStandin() as okta:
        tenant = Tenant("okta", okta)
        okta.by_login("bob").notes["status"] = "LOCKED_OUT"
        results = tenant.suspend(tenant.lease("bob"), tenant.lease("me"), tenant.lease("ME ")).results
        assert [result.ok for result in results] == [False, False, False]
        assert all(person.enabled for person in okta.people.values())
        assert not tenant.noted("bob")
        okta.by_login("bob").notes["status"] = "SUSPENDED"  # by a person, later
        assert tenant.point().list_owned() == []


def test_okta_says_until_when_to_wait_in_a_header_of_its_own() -> None:
    with OktaStandin() as okta:
        tenant = Tenant("okta", okta)
        okta.page = 1
        tenant.suspend(tenant.lease("alice"), tenant.lease("bob"))
        assert len(tenant.point().list_owned()) == 2  # across pages
        okta.faults.script("listUsers", Fault("status", status=429))
        with pytest.raises(RetrySafe) as caught:
            tenant.point().list_owned()
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 60


def test_entra_does_not_claim_to_end_the_sessions_of_guests() -> None:
    with EntraStandin() as entra:
        entra.by_login("bob").kind = "guest"
        with pytest.raises(Rejected, match="guest"):
            Tenant("entra", entra).identity().sign_out(entra.by_login("bob").id)
        assert entra.by_login("bob").sessions == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1.evil.example", "http://login.example", "https://u:pw@x.example"])
def test_entra_sends_its_secret_to_no_lookalike_of_this_machine(address: str) -> None:
    with EntraStandin() as entra, pytest.raises(ConfigError, match="login_url"):
        Tenant("entra", entra).point(login_url=address)


def test_section_with_a_mistake_says_which_key_and_no_value(tenant: Tenant) -> None:
    for wrong in ({"url": "http://idp.example.com"}, {"url": "https://u:pw@idp.example.com"}, {"surprise": "s3cret"}):
        with pytest.raises(ConfigError) as caught:
            tenant.point(**wrong)
        assert next(iter(wrong)) in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert "pw" not in str(caught.value)


def test_every_exchange_with_okta_is_one_that_its_specification_allows() -> None:
    contract = Contract(spec=OKTA)
    with OktaStandin() as okta:
        okta.observe = contract
        tenant = Tenant("okta", okta)
        tenant.suspend(tenant.lease("alice"), tenant.lease("mallory"))
        tenant.suspend(tenant.lease("nobody"))
        tenant.point().list_owned()
        tenant.resume(tenant.lease("alice"), tenant.lease("mallory"))
        tenant.identity().sign_out(okta.by_login("bob").id)
        okta.by_login("bob").notes["status"] = "LOCKED_OUT"
        tenant.suspend(tenant.lease("bob"))
    assert contract.operations() > NOT_IN_IT
    contract.exchanges = [one for one in contract.exchanges if f"{one[0].method} {one[0].path}" not in NOT_IN_IT]
    statuses = {response.status_code for _, response in contract.exchanges}
    assert {200, 204, 400, 404} <= statuses
    assert contract.violations() == []
