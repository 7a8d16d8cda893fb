"""A point whose entries are the users of an identity provider: one implementation, whoever the vendor is."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from activities._directory import Directory, SessionDirectory
from activities._user_note import Note, User, refuse_alias
from stanch.errors import ConnectorError, Gone, Rejected, Uncertain
from stanch.leases import Applied, BlockSpec, Lease, SuspendSpec
from stanch.ports import Check, Estimate, Excerpt, Mismatch, Owned, Reconciled, Usage

MAX_NAME = 256
PAUSES = (0.2, 0.5, 1.3)  # seconds between looks
OUT = "kept out by somebody else meanwhile"


class SignsOut:
    """Implements IdentityPort for providers that know tokens by their user only."""

    def __init__(self, name: str, directory: SessionDirectory) -> None:
        self.name = name
        self._users = directory

    def sign_out(self, user_id: str) -> Mapping[str, str]:
        """End all sessions and revoke what the provider issued. Cannot be undone; safe to repeat."""
        user = self._users.user(named(user_id))
        request = self._users.sign_out(user.name)
        return {"user": user.name, **self._users.where, "request_id": request, "note": self._users.later}

    def revoke_token(self, *, token_id: str, user_id: str) -> Mapping[str, str]:
        """Sign the user of the token out.

        Raises:
            Rejected: no user is named; the id of an access token says nothing to the provider.
        """
        if not user_id:
            message = f"{self._users.vendor} revokes tokens by user, and no user is known for this token"
            raise Rejected(message, hint="block the token at the gateway by its id instead")
        return {**self.sign_out(user_id), "token_id": token_id, "scope": "every session of the user"}

    def doctor(self) -> Sequence[Check]:
        return checks_of(self.name, self._users)[:1]


class UserPoint:
    """Implements PointPort for SuspendSpec: an item point, where every user is an entry of its own.

    We suspend only who is enabled, note down that it was us, and resume only whom that note names. The note goes on
    before suspending and off after resuming: a crash between leaves a note on an enabled user, which the next call
    settles, never a suspended user whom nobody remembers.
    """

    def __init__(self, name: str, directory: Directory) -> None:
        self.name = name
        self._users = directory
        self._checked = False
        self._names: dict[str, str] = {}  # target to user name; spares a search, and finds users enabled by others

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        """See PointPort. Only targets named in the call are touched or digested; orphans are found by `list_owned`.

        `expected` may be empty where the caller has no belief yet.
        """
        named = {lease.target: lease for lease in [*(wanted or ()), *adds] if lease.target not in removes}
        before = self._noted(named.values(), removes, known)
        if wanted is None and expected and _digest(before) != expected:
            raise Mismatch
        lifted = [self._lift(target, before) for target in dict.fromkeys(removes)]
        held = [self._hold(lease) for lease in named.values()]
        gone = self._by_name(user.name for target, user in before.items() if target in removes)
        after = self._holding(named.values()) | gone
        return Reconciled(digest=_digest(after), results=(*lifted, *held))

    def list_owned(self) -> Sequence[Owned]:
        return [entry for entry in (user.owned() for user in self._users.suspended()) if entry is not None]

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """See PointPort; a user whose note has changed was suspended anew, and stays so."""
        return [self._take_out(entry) for entry in entries]

    def _take_out(self, entry: Owned) -> Applied:
        try:
            user = self._known(entry.name)
            stands = None if user is None else user.owned()
            if user is not None and stands == entry:
                self._lift(entry.target, {entry.target: user})
        except ConnectorError as error:
            proof = {"outcome": "REJECTED" if isinstance(error, Rejected) else "UNCERTAIN"}
            return Applied(target=entry.name, ok=False, code=error.code, reason=error.message, proof=proof)
        return Applied(target=entry.name, ok=True, proof={"state": "renewed"} if stands not in (None, entry) else {})

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        raise _no_traffic()

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        raise _no_traffic()

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        raise _no_traffic()

    def doctor(self) -> Sequence[Check]:
        return checks_of(self.name, self._users)

    def _hold(self, lease: Lease) -> Applied:
        if not isinstance(lease.spec, SuspendSpec):
            return Applied(target=lease.target, ok=False, code="V002", reason="this point suspends users, no requests")
        try:
            self._preflight()
            user = self._users.user(named(lease.spec.user_id))
            proof = self._suspend(user, Note.of(lease))
        except Rejected as error:
            return Applied(target=lease.target, ok=False, code=error.code, reason=error.message)
        return Applied(target=lease.target, ok=True, proof={"user": user.name, **self._users.where, **proof})

    def _suspend(self, user: User, note: Note) -> dict[str, str]:
        if user.foreign_note:
            raise Rejected("the place of our note on the user holds something else", hint="clear it by hand")
        if user.out or (not user.enabled and user.note is None):
            return {"ours": "false", "state": "disabled by somebody else before"}
        if not user.enabled:
            refuse_alias(user, note)
        if user.note != note:
            self._users.mark(user.name, note)
            self._settled(user.name, note, enabled=user.enabled)  # a suspended user without a note is nobody's
        if user.enabled:
            self._disable(user.name)
        self._names[note.target] = user.name
        self._settled(user.name, note, enabled=False)
        return {"ours": "true", "state": "disabled"}

    def _disable(self, name: str) -> None:
        try:
            self._users.suspend(name)
        except Rejected:
            self._users.unmark(name)  # or what a person does to the user later would be undone as ours
            raise

    def _settled(self, name: str, note: Note | None, *, enabled: bool) -> None:
        """Providers answer from copies that are a moment behind, so that one look is not enough to doubt."""
        for pause in (*PAUSES, None):
            now = self._users.user(name)
            if (now.note, now.enabled) == (note, enabled):
                return
            if pause is not None:
                time.sleep(pause)
        message = f"{self._users.vendor} accepted the change, but a read does not show it"
        raise Uncertain(message, hint="look at the user there")

    def _lift(self, target: str, before: Mapping[str, User]) -> Applied:
        user = before.get(target)
        if user is None or user.note is None:
            self._names.pop(target, None)
            return Applied(target=target, ok=True, proof={"ours": "false", "state": "nothing of ours"})
        if user.out:
            self._names.pop(target, None)
            return Applied(target=target, ok=True, proof={"ours": "false", "user": user.name, "state": OUT})
        if not user.enabled:
            self._users.resume(user.name)
            self._settled(user.name, user.note, enabled=True)  # without the note nobody would try again
        self._users.unmark(user.name)
        self._settled(user.name, None, enabled=True)
        self._names.pop(target, None)
        state = "enabled by somebody else before" if user.enabled else "enabled"
        return Applied(target=target, ok=True, proof={"ours": "true", "user": user.name, "state": state})

    def _noted(self, leases: Iterable[Lease], removes: Sequence[str], known: Sequence[Lease]) -> dict[str, User]:
        """Users with our note, by target: named ones are read; only who is to be lifted is looked for by the note."""
        remembered = [self._names[target] for target in removes if target in self._names]
        names = [lease.spec.user_id for lease in known if isinstance(lease.spec, SuspendSpec)]
        found = self._by_name([*remembered, *names])
        lifted = {target: user for target, user in found.items() if target in removes}
        return self._holding(leases) | lifted | self._searched(set(removes) - set(lifted))

    def _holding(self, leases: Iterable[Lease]) -> dict[str, User]:
        found: dict[str, User] = {}
        for name in [lease.spec.user_id for lease in leases if isinstance(lease.spec, SuspendSpec)]:
            with contextlib.suppress(Rejected):  # reported for the lease when it is tried
                found |= self._by_name([name])
        return found

    def _by_name(self, names: Iterable[str]) -> dict[str, User]:
        users = [self._known(name) for name in dict.fromkeys(names)]
        return {user.note.target: user for user in users if user is not None and user.note is not None}

    def _searched(self, targets: set[str]) -> dict[str, User]:
        found: dict[str, User] = {}
        for user in self._users.suspended() if targets else ():
            if user.note is not None and user.note.target in targets:
                found[user.note.target] = user
                if len(found) == len(targets):
                    break
        return found

    def _known(self, name: str) -> User | None:
        try:
            return self._users.user(named(name))
        except Gone:
            return None

    def _preflight(self) -> None:
        if self._checked:
            return
        obstacle = self._users.obstacle()
        if obstacle is not None:
            raise Rejected(obstacle.detail, hint=obstacle.fix)
        self._checked = True


def checks_of(name: str, users: Directory) -> list[Check]:
    """First whether users can be noted down here at all, then what else should be mended."""
    title = f"{name}: users of {', '.join(users.where.values())}"
    try:
        obstacle = users.obstacle()
        return [obstacle] if obstacle is not None else [Check(title, ok=True), *users.doctor()]
    except ConnectorError as error:
        return [Check(title, ok=False, detail=error.message, fix=error.hint)]


def named(user_id: str) -> str:
    """The name of a user as findings give it, if it can be one at all."""
    if not user_id.strip() or len(user_id) > MAX_NAME or not user_id.isprintable():
        raise Gone("the user name is empty, too long or not printable", hint="check the finding's user id")
    return user_id


def _digest(users: Mapping[str, User]) -> str:
    lines = sorted(f"{target} {user.name} {user.enabled} {user.note}" for target, user in users.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _no_traffic() -> Rejected:
    return Rejected("an identity provider is not a traffic point", hint="ask the gateway or WAF in front of the API")
