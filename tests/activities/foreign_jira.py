"""A second, tiny Jira Cloud, written from the vendor's published specification and its users' reports.

It shares nothing with the stand-in of the sandbox: threads of `http.server`, small pages, localised names, account ids
with a colon, answers newest first. `faults` maps an operation to what spoils its next calls.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from foreign_http import Handler, Refused

Json = dict[str, Any]

ME, EVA = "557058:0aa1-bot", "712020:9f3c-eva"
NAMES = {ME: "Stanch Integration", EVA: "Eva Brandt"}
STATUSES = {
    "1": ("Offen", "new", "Zu erledigen"),
    "3": ("In Arbeit", "indeterminate", "In Bearbeitung"),
    "6": ("Fertig", "done", "Erledigt"),
}
WAYS = {"1": [("711", "Anfangen", "3")], "3": [("721", "Abschließen", "6")], "6": [("731", "Wieder öffnen", "3")]}
FIELDS = ("project", "issuetype", "summary", "description", "labels", "assignee", "duedate", "customfield_10041")
PAGE = 2
COMMENT_PAGE = 20


class ForeignJira(ThreadingHTTPServer):
    """The server and everything it keeps."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issues: list[Json] = []
        self.faults: dict[str, list[str]] = {}
        self.calls: list[tuple[str, str]] = []
        self.hidden = 0  # so many of the newest issues are not in the index yet
        self.lock = threading.RLock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def issue(self, key: str) -> Json:
        found = next((each for each in self.issues if key in (each["key"], each["id"])), None)
        if found is None:
            raise Refused(404, {"errorMessages": ["Vorgang existiert nicht."], "errors": {}})
        return found

    # -- operations, by name ----------------------------------------------------------------------------------------

    def myself(self, query: Json, body: Any) -> Any:
        return user(ME)

    def types(self, query: Json, body: Any, project: str) -> Any:
        kinds = [{"id": str(10 + n), "name": name, "subtask": False} for n, name in enumerate(("Epic", "Bug", "Task"))]
        return paged("issueTypes", kinds, query, most=PAGE)

    def fields(self, query: Json, body: Any, project: str, kind: str) -> Any:
        rows = [{"fieldId": name, "key": name, "name": name, "required": name in FIELDS[:3]} for name in FIELDS]
        return paged("fields", rows, query, most=PAGE)

    def create(self, query: Json, body: Any) -> Any:
        given = body["fields"]
        wrong = {name: "Feld kann nicht gesetzt werden." for name in given if name not in FIELDS}
        if not isinstance(given.get("description"), dict):
            wrong["description"] = "Der Wert muss ein Atlassian-Dokument sein."
        if given.get("assignee", {}).get("accountId", EVA) not in NAMES:
            wrong["assignee"] = "Benutzer kann nicht zugewiesen werden."
        if wrong:
            raise Refused(400, {"errorMessages": [], "errors": wrong})
        number = len(self.issues) + 1
        issue = {"id": str(20000 + number), "key": f"{given['project']['key']}-{number}", "given": given, "status": "1"}
        self.issues.append({**issue, "comments": [], "links": {}, "files": [], "history": [], "resolution": None})
        return 201, {"id": issue["id"], "key": issue["key"], "self": f"{self.url}/rest/api/3/issue/{issue['id']}"}

    def read(self, query: Json, body: Any, key: str) -> Any:
        return self.view(self.issue(key), query)

    def view(self, issue: Json, query: Json) -> Json:
        name, category, shown = STATUSES[issue["status"]]
        given = issue["given"]
        every = {
            "summary": given["summary"],
            "labels": given.get("labels", []),
            "project": given["project"],
            "status": {"id": issue["status"], "name": name, "statusCategory": {"key": category, "name": shown}},
            "assignee": user(given["assignee"]["accountId"]) if given.get("assignee") else None,
            "resolution": issue["resolution"] and {"id": "10100", "name": issue["resolution"]},
            "attachment": [{"id": "1", "filename": each} for each in issue["files"]],
        }
        wanted = query.get("fields", "*all").split(",")
        shown_fields = {name: value for name, value in every.items() if "*all" in wanted or name in wanted}
        view: Json = {"id": issue["id"], "key": issue["key"], "self": "x", "fields": shown_fields}
        if "changelog" in query.get("expand", ""):
            rows = list(reversed(issue["history"]))
            view["changelog"] = {"startAt": 0, "maxResults": len(rows), "total": len(rows), "histories": rows}
        return view

    def find(self, query: Json, body: Any) -> Any:
        match = re.fullmatch(r'labels = "([\w-]+)"', query.get("jql", ""))
        if match is None:
            raise Refused(400, {"errorMessages": ["Fehler in der JQL-Abfrage."], "errors": {}})
        indexed = self.issues[: len(self.issues) - self.hidden]
        hits = [each for each in reversed(indexed) if match[1] in each["given"].get("labels", [])]
        return {"issues": [self.view(each, query) for each in hits], "isLast": True}

    def comments(self, query: Json, body: Any, key: str) -> Any:
        rows = list(self.issue(key)["comments"])
        if query.get("orderBy", "").startswith("-"):
            rows.reverse()
        return paged("comments", rows, query, most=COMMENT_PAGE)

    def comment(self, query: Json, body: Any, key: str) -> Any:
        comments = self.issue(key)["comments"]
        made = {"id": str(30000 + len(comments)), "author": user(ME), "body": body["body"]}
        comments.append(made)
        return 201, made

    def ways(self, query: Json, body: Any, key: str) -> Any:
        expanded = "transitions.fields" in query.get("expand", "")
        return {"transitions": [self._way(way, expanded=expanded) for way in WAYS[self.issue(key)["status"]]]}

    def _way(self, way: tuple[str, str, str], *, expanded: bool) -> Json:
        number, name, to = way
        status, category, _ = STATUSES[to]
        view: Json = {"id": number, "name": name, "hasScreen": to == "6"}
        view["to"] = {"id": to, "name": status, "statusCategory": {"key": category}}
        needs = {"resolution": {"required": True, "allowedValues": [{"id": "10100", "name": "Erledigt"}]}}
        return {**view, "fields": needs if to == "6" else {}} if expanded else view

    def move(self, query: Json, body: Any, key: str) -> Any:
        issue = self.issue(key)
        way = next((each for each in WAYS[issue["status"]] if each[0] == body["transition"]["id"]), None)
        wanted = (body.get("fields") or {}).get("resolution", {}).get("name")
        if way is None or (way[2] == "6" and wanted != "Erledigt"):
            raise Refused(400, {"errorMessages": [], "errors": {"resolution": "Lösung ist erforderlich."}})
        self.moved(issue, way[2], by=ME, resolution=wanted)
        return 204, None

    def moved(self, issue: Json, status: str, *, by: str, resolution: str | None = None) -> None:
        before = STATUSES[issue["status"]][0]
        issue["status"], issue["resolution"] = status, resolution if status == "6" else None
        item = {"field": "status", "fromString": before, "toString": STATUSES[status][0]}
        created = f"2026-11-28T10:{len(issue['history']):02}:00.000+0100"
        issue["history"].append({"id": "1", "author": user(by), "created": created, "items": [item]})

    def assign(self, query: Json, body: Any, key: str) -> Any:
        if body.get("accountId") not in NAMES:
            raise Refused(400, {"errorMessages": [], "errors": {"assignee": "Kein solcher Benutzer."}})
        self.issue(key)["given"]["assignee"] = {"accountId": body["accountId"]}
        return 204, None

    def link(self, query: Json, body: Any, key: str) -> Any:
        links = self.issue(key)["links"]
        status = 200 if body["globalId"] in links else 201
        links[body["globalId"]] = body["object"]
        return status, {"id": 10000 + len(links), "self": "x"}

    def attach(self, query: Json, body: Any, key: str) -> Any:
        name = re.search(rb'filename="([^"]+)"', body)
        assert name is not None
        self.issue(key)["files"].append(name[1].decode())
        return [{"id": "40000", "filename": name[1].decode(), "size": len(body)}]

    def watch(self, query: Json, body: Any, key: str) -> Any:
        if body not in NAMES:
            raise Refused(400, {"errorMessages": ["Kein solcher Benutzer."], "errors": {}})
        return 204, None

    def may(self, query: Json, body: Any) -> Any:
        return {"permissions": {name: {"havePermission": True} for name in query["permissions"].split(",")}}


def user(account: str) -> Json:
    return {"accountId": account, "accountType": "atlassian", "active": True, "displayName": NAMES[account]}


def paged(name: str, rows: list[Json], query: Json, *, most: int) -> Json:
    start, wanted = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), most)
    return {"startAt": start, "maxResults": wanted, "total": len(rows), name: rows[start : start + wanted]}


@contextmanager
def foreign_jira() -> Iterator[ForeignJira]:
    """The server, serving."""
    server = ForeignJira()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
