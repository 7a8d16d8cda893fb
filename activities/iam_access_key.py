"""AWS IAM access keys: a key that findings name is made inactive until a lease ends; nothing of it is deleted.

Sessions of roles that were taken over before go on until they end: IAM cannot end those by their key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError

from activities._aws import AwsAccess, NotThere, make_client, outcome
from activities._section import read_section
from activities._user_note import Note, User
from activities._user_point import UserPoint
from stanch.errors import ConnectorError, Gone, Rejected, RetrySafe
from stanch.ports import Check, Connector

TAG = "stanch:"  # then the key's id; a user has at most two keys and 50 tags
_KEY = re.compile(r"AKIA[A-Z0-9]{16}")
_PAGES = 500


class IamAccessKeyConfig(AwsAccess):
    """Section of an `iam_access_key` connector."""


class IamKeys:
    """The access keys of one account; implements Directory. Our note is a tag of the key's user."""

    vendor = "IAM"

    def __init__(self, name: str, config: IamAccessKeyConfig) -> None:
        self._title = name
        self._iam = make_client("iam", config)
        self._owners: dict[str, str] = {}  # key to user; a key never moves

    @property
    def where(self) -> Mapping[str, str]:
        return {"vendor": "iam"}

    def user(self, name: str) -> User:
        owner = self._owner(name)
        statuses = self._statuses(owner)
        if name not in statuses:
            raise Gone("IAM does not know this access key", hint="it may have been deleted already")
        return User.read(name, enabled=statuses[name] == "Active", text=self._tags(owner).get(TAG + name, ""))

    def suspended(self) -> Iterator[User]:
        """Users with tags of ours; IAM cannot be searched by tag, so every user is looked at."""
        for owner in self._users():
            tags = {name: text for name, text in self._tags(owner).items() if name.startswith(TAG)}
            statuses = self._statuses(owner) if tags else {}
            for name, text in tags.items():
                key = name.removeprefix(TAG)
                if key in statuses:
                    self._owners[key] = owner
                    yield User.read(key, enabled=statuses[key] == "Active", text=text)

    def mark(self, name: str, note: Note) -> None:
        owner = self._owner(name)
        with outcome("TagUser", write=True):
            self._iam.tag_user(UserName=owner, Tags=[{"Key": TAG + name, "Value": str(note)}])

    def unmark(self, name: str) -> None:
        owner = self._owner(name)
        with outcome("UntagUser", write=True):
            self._iam.untag_user(UserName=owner, TagKeys=[TAG + name])

    def suspend(self, name: str) -> None:
        if name == self._own():
            raise Rejected("this is the key that Stanch itself works with", hint="rotate it by hand")
        self._set(name, "Inactive")

    def resume(self, name: str) -> None:
        self._set(name, "Active")

    def _set(self, name: str, status: str) -> None:
        owner = self._owner(name)
        with outcome("UpdateAccessKey", write=True):
            self._iam.update_access_key(UserName=owner, AccessKeyId=name, Status=status)

    def obstacle(self) -> Check | None:
        try:
            next(self._users(), None)
        except ConnectorError as error:
            return Check(f"{self._title}: IAM", ok=False, detail=error.message, fix=error.hint)
        return None

    def doctor(self) -> Sequence[Check]:
        return []

    def _own(self) -> str:
        """The access key that we sign with; a role's is temporary and never one of these."""
        try:
            credentials = self._iam._get_credentials()
        except BotoCoreError:
            return ""
        return str(credentials.access_key) if credentials is not None else ""

    def _owner(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            hint = "temporary keys (ASIA...) end by themselves; take the role's permissions instead"
            raise Gone("this is not the id of a long-term access key", hint=hint)
        if key not in self._owners:
            with outcome("GetAccessKeyLastUsed", write=False):
                self._owners[key] = str(self._iam.get_access_key_last_used(AccessKeyId=key)["UserName"])
        return self._owners[key]

    def _statuses(self, owner: str) -> dict[str, str]:
        with outcome("ListAccessKeys", write=False):
            keys = self._iam.list_access_keys(UserName=owner)["AccessKeyMetadata"]
            return {str(item["AccessKeyId"]): str(item["Status"]) for item in keys}

    def _tags(self, owner: str) -> dict[str, str]:
        try:
            with outcome("ListUserTags", write=False):
                tags = self._iam.list_user_tags(UserName=owner, MaxItems=100)["Tags"]
                return {str(item["Key"]): str(item["Value"]) for item in tags}
        except NotThere:
            return {}  # deleted since it was listed

    def _users(self) -> Iterator[str]:
        more: dict[str, Any] = {}
        for _ in range(_PAGES):
            with outcome("ListUsers", write=False):
                page = self._iam.list_users(MaxItems=1000, **more)
                names = [str(item["UserName"]) for item in page["Users"]]
            yield from names
            if not page.get("IsTruncated"):
                return
            more = {"Marker": page["Marker"]}
        raise RetrySafe("IAM has more users than can be looked through")  # not seen must not pass for not there


def _build(name: str, section: Mapping[str, Any]) -> UserPoint:
    return UserPoint(name, IamKeys(name, read_section(IamAccessKeyConfig, name, section)))


CONNECTOR = Connector(port="point", kind="iam_access_key", build=_build)
