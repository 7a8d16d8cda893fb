"""The calls to one Cognito user pool, each ending in an outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from activities._aws import outcome, request_id
from activities._cognito_marker import ATTRIBUTE, Marker, User

_PAGE = 60
_PAGES = 500


class Pool:
    """One user pool. Safe to share between threads.

    Answers of the changes are empty, so a proxy's page with status 200 looks like success: read the user back.
    """

    def __init__(self, client: Any, pool_id: str) -> None:
        self._client = client
        self.id = pool_id

    def user(self, name: str) -> User:
        with outcome("AdminGetUser", write=False):
            return User.of(self._client.admin_get_user(UserPoolId=self.id, Username=name))

    def disabled(self) -> Iterator[User]:
        """Every disabled user; Cognito cannot search by a custom attribute, but by status it can."""
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            with outcome("ListUsers", write=False):
                page = self._client.list_users(UserPoolId=self.id, Filter='status = "Disabled"', Limit=_PAGE, **token)
                users = [User.of(item) for item in page["Users"]]
            yield from (user for user in users if not user.enabled)
            if not page.get("PaginationToken"):
                return
            token = {"PaginationToken": page["PaginationToken"]}

    def sign_out(self, name: str) -> str:
        """Invalidate the user's tokens at Cognito; the request id is the evidence."""
        with outcome("AdminUserGlobalSignOut", write=True):
            return request_id(self._client.admin_user_global_sign_out(UserPoolId=self.id, Username=name))

    def disable(self, name: str) -> None:
        with outcome("AdminDisableUser", write=True):
            self._client.admin_disable_user(UserPoolId=self.id, Username=name)

    def enable(self, name: str) -> None:
        with outcome("AdminEnableUser", write=True):
            self._client.admin_enable_user(UserPoolId=self.id, Username=name)

    def mark(self, name: str, marker: Marker) -> None:
        attribute = {"Name": ATTRIBUTE, "Value": str(marker)}
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
