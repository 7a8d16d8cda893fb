"""Amazon Cognito: signing users out, and keeping them from signing in until a lease ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field

from activities._aws import AwsAccess, make_client
from activities._cognito_marker import ATTRIBUTE, Marker, User
from activities._cognito_pool import Pool
from activities._section import read_section
from stanch.errors import ConnectorError, Rejected, Uncertain
from stanch.leases import Applied, BlockSpec, Lease, SuspendSpec
from stanch.ports import Check, Connector, Estimate, Mismatch, Owned, Reconciled, Usage

_LATER = (
    "access tokens that are already out keep working where they are verified offline; block them for their "
    "remaining life"
)


class CognitoConfig(AwsAccess):
    """Section of a `cognito` or `cognito_user` connector.

    Args:
        user_pool_id: the pool whose users the findings name, by user name, alias or `sub`.
    """

    user_pool_id: str = Field(pattern=r"^[\w-]+_[0-9a-zA-Z]+$", max_length=55)


class Cognito:
    """Implements IdentityPort."""

    def __init__(self, name: str, config: CognitoConfig) -> None:
        self.name = name
        self._pool = Pool(make_client("cognito-idp", config), config.user_pool_id)

    def sign_out(self, user_id: str) -> Mapping[str, str]:
        """Invalidate all refresh and access tokens of a user at Cognito.

        Cannot be undone. Safe to repeat: it signs out what was issued since.
        """
        user = self._pool.user(_named(user_id))
        request = self._pool.sign_out(user.name)
        return {"user": user.name, "user_pool": self._pool.id, "request_id": request, "note": _LATER}

    def revoke_token(self, *, token_id: str, user_id: str) -> Mapping[str, str]:
        """Revoke what a token came from: Cognito knows tokens by user, so this signs the user out.

        Raises:
            Rejected: no user is named; an access token's id says nothing to Cognito.
        """
        if not user_id:
            raise Rejected(
                "Cognito revokes tokens by user, and no user is known for this token",
                hint="block the token at the gateway by its id instead",
            )
        return {**self.sign_out(user_id), "token_id": token_id, "scope": "every session of the user"}

    def doctor(self) -> Sequence[Check]:
        return [_reachable(self.name, self._pool)]


class CognitoUsers:
    """Implements PointPort for SuspendSpec: an item point, where every user is an entry of its own.

    We disable only who is enabled, write down that it was us (`custom:stanch_lease`), and enable only whom that note
    names. The note goes on before disabling and off after enabling: a crash between leaves a note on an enabled user,
    which the next call settles, never a disabled user whom nobody remembers.
    """

    def __init__(self, name: str, config: CognitoConfig) -> None:
        self.name = name
        self._pool = Pool(make_client("cognito-idp", config), config.user_pool_id)
        self._checked = False
        self._names: dict[str, str] = {}  # target to user name; spares a search, and finds users enabled by others

    def reconcile(
        self, *, adds: Sequence[Lease], removes: Sequence[str], wanted: Sequence[Lease] | None, expected: str
    ) -> Reconciled:
        """See PointPort. Only targets named in the call are touched or digested; orphans are found by `list_owned`.

        `expected` may be empty where the caller has no belief yet.
        """
        named = {lease.target: lease for lease in [*(wanted or ()), *adds] if lease.target not in removes}
        before = self._owned(named.values(), removes)
        if wanted is None and expected and _digest(before) != expected:
            raise Mismatch
        lifted = [self._lift(target, before) for target in dict.fromkeys(removes)]
        held = [self._hold(lease) for lease in named.values()]
        return Reconciled(digest=_digest(self._owned(named.values(), removes)), results=(*lifted, *held))

    def list_owned(self) -> Sequence[Owned]:
        return [entry for entry in (user.owned() for user in self._pool.disabled()) if entry is not None]

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """See PointPort; a user whose note has changed was suspended anew, and stays so."""
        return [self._take_out(entry) for entry in entries]

    def _take_out(self, entry: Owned) -> Applied:
        try:
            user = self._known(entry.name)
            if user is not None and user.owned() == entry:
                self._lift(entry.target, {entry.target: user})
        except ConnectorError as error:
            return Applied(target=entry.name, ok=False, code=error.code, reason=error.message)
        return Applied(target=entry.name, ok=True)

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        raise _no_traffic()

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        raise _no_traffic()

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Sequence[Mapping[str, str]]:
        raise _no_traffic()

    def doctor(self) -> Sequence[Check]:
        reachable = _reachable(self.name, self._pool)
        return [reachable, *self._attribute_checks()] if reachable.ok else [reachable]

    def _attribute_checks(self) -> list[Check]:
        title = f"{self.name}: attribute {ATTRIBUTE}"
        try:
            writers = self._pool.writers()
        except ConnectorError as error:
            return [Check(title, ok=False, detail=error.message, fix=error.hint)]
        if writers:
            detail = f"users can write it through app clients: {', '.join(writers)}"
            return [Check(title, ok=False, detail=detail, fix="take it out of their write attributes")]
        return [Check(title, ok=True)]

    def _hold(self, lease: Lease) -> Applied:
        if not isinstance(lease.spec, SuspendSpec):
            return Applied(target=lease.target, ok=False, code="V002", reason="this point suspends users, no requests")
        try:
            self._preflight()
            user = self._pool.user(_named(lease.spec.user_id))
            proof = self._suspend(user, Marker.of(lease))
        except Rejected as error:
            return Applied(target=lease.target, ok=False, code=error.code, reason=error.message)
        return Applied(target=lease.target, ok=True, proof={"user": user.name, "user_pool": self._pool.id, **proof})

    def _suspend(self, user: User, marker: Marker) -> dict[str, str]:
        if user.foreign_marker:
            raise Rejected(f"{ATTRIBUTE} of the user holds something that is not ours", hint="clear it by hand")
        if not user.enabled and user.marker is None:
            return {"ours": "false", "state": "disabled by somebody else before"}
        if user.marker != marker:
            self._pool.mark(user.name, marker)
            self._settled(user.name, marker, enabled=user.enabled)  # a disabled user without a note is nobody's
        if user.enabled:
            self._pool.disable(user.name)
        self._names[marker.target] = user.name
        self._settled(user.name, marker, enabled=False)
        return {"ours": "true", "state": "disabled"}

    def _settled(self, name: str, marker: Marker | None, *, enabled: bool) -> None:
        now = self._pool.user(name)
        if (now.marker, now.enabled) != (marker, enabled):
            raise Uncertain("Cognito accepted the change, but a read does not show it", hint="look at the user pool")

    def _lift(self, target: str, before: Mapping[str, User]) -> Applied:
        user = before.get(target)
        if user is None or user.marker is None:
            return Applied(target=target, ok=True, proof={"ours": "false", "state": "nothing of ours"})
        if not user.enabled:
            self._pool.enable(user.name)
            self._settled(user.name, user.marker, enabled=True)  # without the note nobody would try again
        self._pool.unmark(user.name)
        self._settled(user.name, None, enabled=True)
        state = "enabled by somebody else before" if user.enabled else "enabled"
        return Applied(target=target, ok=True, proof={"ours": "true", "user": user.name, "state": state})

    def _owned(self, leases: Iterable[Lease], removes: Sequence[str]) -> dict[str, User]:
        """Users with our note, by target: named ones are read, and those to be lifted are looked for by their note."""
        found: dict[str, User] = {}
        remembered = [self._names[target] for target in removes if target in self._names]
        for name in [*(lease.spec.user_id for lease in leases if isinstance(lease.spec, SuspendSpec)), *remembered]:
            user = self._known(name)
            if user is not None and user.marker is not None:
                found[user.marker.target] = user
        if set(removes) - set(found):
            marked = {user.marker.target: user for user in self._pool.disabled() if user.marker is not None}
            found |= {target: marked[target] for target in removes if target in marked}
        return found

    def _known(self, name: str) -> User | None:
        try:
            return self._pool.user(_named(name))
        except Rejected:
            return None  # reported for the lease when it is tried

    def _preflight(self) -> None:
        if self._checked:
            return
        if not self._pool.has_attribute():
            raise Rejected(
                f"the user pool has no changeable attribute {ATTRIBUTE}",
                hint="add a mutable string attribute stanch_lease to the pool",
            )
        self._checked = True


def _named(user_id: str) -> str:
    if not user_id or len(user_id) > 128:
        raise Rejected("the user name is empty or longer than Cognito allows", hint="check the finding's user id")
    return user_id


def _digest(users: Mapping[str, User]) -> str:
    lines = sorted(f"{target} {user.name} {user.enabled} {user.marker}" for target, user in users.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _reachable(name: str, pool: Pool) -> Check:
    title = f"{name}: user pool {pool.id}"
    try:
        if pool.has_attribute():
            return Check(title, ok=True)
    except ConnectorError as error:
        return Check(title, ok=False, detail=error.message, fix=error.hint)
    detail = f"no changeable attribute {ATTRIBUTE}, so users cannot be suspended"
    return Check(title, ok=False, detail=detail, fix="add a mutable string attribute stanch_lease to the pool")


def _no_traffic() -> Rejected:
    return Rejected("a user pool is not a traffic point", hint="ask the gateway or WAF in front of the API")


def _build_identity(name: str, section: Mapping[str, Any]) -> Cognito:
    return Cognito(name, read_section(CognitoConfig, name, section))


def _build_point(name: str, section: Mapping[str, Any]) -> CognitoUsers:
    return CognitoUsers(name, read_section(CognitoConfig, name, section))


CONNECTORS = (
    Connector(port="identity", kind="cognito", build=_build_identity),
    Connector(port="point", kind="cognito_user", build=_build_point),
)
