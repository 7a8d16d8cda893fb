"""Users and groups of an instance, found by name and checked, since a query may return anybody."""

from __future__ import annotations

from activities._servicenow.find import find_exact
from activities._servicenow.query import is_sys_id, plain
from activities._servicenow.transport import Transport
from stanch.errors import Rejected


class People:
    """Names to sys_ids and back."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def user_id(self, name: str) -> str:
        """The sys_id of a user name.

        Raises:
            Rejected: nobody has exactly this name.
        """
        return self._id("sys_user", "user_name", name)

    def group_id(self, name: str) -> str:
        return self._id("sys_user_group", "name", name)

    def user_name(self, sys_id: str) -> str:
        return self._name("sys_user", "user_name", sys_id)

    def group_name(self, sys_id: str) -> str:
        return self._name("sys_user_group", "name", sys_id)

    def _id(self, table: str, field: str, name: str) -> str:
        rows = find_exact(self._transport, table, {field: name}, fields=("sys_id", field), fold=True)
        found = [plain(row.get("sys_id")) for row in rows]
        if len(found) != 1 or not is_sys_id(found[0]):
            kind = "user" if table == "sys_user" else "group"
            raise Rejected(f"ServiceNow has no such {kind}, or several", hint=f"check the {kind} in the directory")
        return found[0]

    def _name(self, table: str, field: str, sys_id: str) -> str:
        if not is_sys_id(sys_id):
            return ""
        rows = find_exact(self._transport, table, {"sys_id": sys_id}, fields=("sys_id", field))
        return plain(rows[0].get(field)) if rows else ""
