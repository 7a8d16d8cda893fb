"""The calls to one Cognito user pool, each ending in an outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from activities._aws import outcome, request_id
from activities._user_note import Note, User
from stanch.errors import ConnectorError, RetrySafe
from stanch.ports import Check

ATTRIBUTE = "custom:stanch_lease"

_PAGE = 60
_PAGES = 500


class Pool:
    """One user pool. Safe to share between threads.

    Answers of the changes are empty, so a proxy's page with status 200 looks like success: read the user back.
    """

    vendor = "Cognito"
    later = (
        "access tokens that are already out keep working where they are verified offline; block them for their "
        "remaining life"
    )

    def __init__(self, client: Any, pool_id: str, *, title: str = "") -> None:
        self._client = client
        self.id = pool_id
        self._title = title

    @property
    def where(self) -> Mapping[str, str]:
        return {"user_pool": self.id}

    def user(self, name: str) -> User:
        with outcome("AdminGetUser", write=False):
            return _user(self._client.admin_get_user(UserPoolId=self.id, Username=name))

    def suspended(self) -> Iterator[User]:
        """Every disabled user; Cognito cannot search by a custom attribute, but by status it can."""
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            with outcome("ListUsers", write=False):
                page = self._client.list_users(UserPoolId=self.id, Filter='status = "Disabled"', Limit=_PAGE, **token)
                users = [_user(item) for item in page["Users"]]
            yield from (user for user in users if not user.enabled)
            if not page.get("PaginationToken"):
                return
            token = {"PaginationToken": page["PaginationToken"]}
        raise RetrySafe("Cognito has more users than can be looked through")  # not seen must not pass for not there

    def sign_out(self, name: str) -> str:
        """Invalidate the user's tokens at Cognito; the request id is the evidence."""
        with outcome("AdminUserGlobalSignOut", write=True):
            return request_id(self._client.admin_user_global_sign_out(UserPoolId=self.id, Username=name))

    def suspend(self, name: str) -> None:
        with outcome("AdminDisableUser", write=True):
            self._client.admin_disable_user(UserPoolId=self.id, Username=name)

    def resume(self, name: str) -> None:
        with outcome("AdminEnableUser", write=True):
            self._client.admin_enable_user(UserPoolId=self.id, Username=name)

    def mark(self, name: str, note: Note) -> None:
        attribute = {"Name": ATTRIBUTE, "Value": str(note)}
        with outcome("AdminUpdateUserAttributes", write=True):
            self._client.admin_update_user_attributes(UserPoolId=self.id, Username=name, UserAttributes=[attribute])

    def unmark(self, name: str) -> None:
        with outcome("AdminDeleteUserAttributes", write=True):
            self._client.admin_delete_user_attributes(UserPoolId=self.id, Username=name, UserAttributeNames=[ATTRIBUTE])

    def has_attribute(self) -> bool:
        """True where the pool's schema has our attribute and it may be changed."""
        with outcome("DescribeUserPool", write=False):
            schema = self._client.describe_user_pool(UserPoolId=self.id)["UserPool"].get("SchemaAttributes", [])
        return any(item["Name"] == ATTRIBUTE and item.get("Mutable", True) for item in schema)

    def obstacle(self) -> Check | None:
        """See Directory: our note needs an attribute that can be changed."""
        title = f"{self._title}: user pool {self.id}"
        try:
            if self.has_attribute():
                return None
        except ConnectorError as error:
            return Check(title, ok=False, detail=error.message, fix=error.hint)
        detail = f"the user pool has no changeable attribute {ATTRIBUTE}, so users cannot be suspended"
        return Check(title, ok=False, detail=detail, fix="add a mutable string attribute stanch_lease to the pool")

    def doctor(self) -> list[Check]:
        """Users who can write the note could make themselves look as if we had suspended them."""
        title = f"{self._title}: attribute {ATTRIBUTE}"
        try:
            writers = self.writers()
        except ConnectorError as error:
            return [Check(title, ok=False, detail=error.message, fix=error.hint)]
        detail = f"users can write it through app clients: {', '.join(writers)}" if writers else ""
        return [Check(title, ok=not writers, detail=detail, fix="take it out of their write attributes")]

    def writers(self) -> list[str]:
        """Names of app clients through which users could write our attribute themselves."""
        return [str(app["ClientName"]) for app in self._apps() if ATTRIBUTE in app.get("WriteAttributes", [])]

    def _apps(self) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            with outcome("ListUserPoolClients", write=False):
                page = self._client.list_user_pool_clients(UserPoolId=self.id, MaxResults=_PAGE, **token)
            for item in page["UserPoolClients"]:
                with outcome("DescribeUserPoolClient", write=False):
                    answer = self._client.describe_user_pool_client(UserPoolId=self.id, ClientId=item["ClientId"])
                yield answer["UserPoolClient"]
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _user(answer: Mapping[str, Any]) -> User:
    """What AdminGetUser and ListUsers say of a user."""
    listed = answer.get("UserAttributes", answer.get("Attributes", []))
    text = next((str(item.get("Value", "")) for item in listed if item["Name"] == ATTRIBUTE), "")
    return User.read(str(answer["Username"]), enabled=bool(answer["Enabled"]), text=text)
