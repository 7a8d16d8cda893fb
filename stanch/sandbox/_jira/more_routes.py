"""The operations of the Jira stand-in beyond a ticket's life: edits, relations, properties, and the site's lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stanch.sandbox._jira import write
from stanch.sandbox._jira.state import (
    BOT,
    DOING,
    DONE,
    ISSUE_TYPES,
    LINK_TYPES,
    PRIORITIES,
    RESOLUTIONS,
    STANDARD_FIELDS,
    TO_DO,
    Issue,
)
from stanch.shapes import is_dict, is_list

if TYPE_CHECKING:
    from stanch.sandbox.jira import JiraStandin

Answer = Callable[[Request, Any], Response]


def more_routes(jira: JiraStandin, api: str) -> list[tuple[str, str, str, Answer]]:
    """Rows for the route table: method, path, operation, answer."""
    on = _More(jira)
    issue = f"{api}/issue/{{key}}"
    return [
        ("PUT", issue, "edit", on.edit),
        ("DELETE", issue, "delete", on.delete),
        ("GET", f"{issue}/remotelink", "links", on.links),
        ("GET", f"{issue}/properties/{{name}}", "property", on.property),
        ("PUT", f"{issue}/properties/{{name}}", "set_property", on.set_property),
        ("POST", f"{api}/issueLink", "relate", on.relate),
        ("GET", f"{api}/priority", "priorities", on.priorities),
        ("GET", f"{api}/resolution", "resolutions", on.resolutions),
        ("GET", f"{api}/project/{{project}}", "project", on.project),
        ("GET", f"{api}/project/{{project}}/statuses", "statuses", on.statuses),
        ("GET", f"{api}/issueLinkType", "link_types", on.link_types),
        ("GET", f"{api}/field", "fields", on.fields),
        ("GET", f"{api}/serverInfo", "server_info", on.server_info),
    ]


class _More:
    """One method per operation; each gets the parsed body, after the rules let the request in."""

    def __init__(self, jira: JiraStandin) -> None:
        self._jira = jira

    def _issue(self, request: Request) -> Issue:
        return self._jira.seen(request.path_params["key"])

    def edit(self, request: Request, body: Any) -> Response:
        jira, issue = self._jira, self._issue(request)
        fields: dict[str, Any] = {**_updated(issue, body.get("update") or {}), **(body.get("fields") or {})}
        write.check_edit(jira.state, issue, fields, cloud=jira.cloud)
        items = write.edit(jira.state, issue, fields, by=BOT.account)
        if items:
            shown = {"changed": [item["field"] for item in items]}
            jira.changed("jira.edited", issue, by=BOT.account, item=items[-1], fields=shown)
        return Response(status_code=204)

    def delete(self, request: Request, body: Any) -> Response:
        self._jira.delete(request.path_params["key"], by=BOT.account)
        return Response(status_code=204)

    def links(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        base = f"{self._jira.views.issue(issue)['self']}/remotelink"
        shown = [
            {
                "id": link["number"],
                "self": f"{base}/{link['number']}",
                "globalId": global_id,
                "object": {"url": link["url"], "title": link["title"]},
            }
            for global_id, link in issue.links.items()
        ]
        return JSONResponse(shown)

    def property(self, request: Request, body: Any) -> Response:
        name, issue = request.path_params["name"], self._issue(request)
        if name not in issue.properties:
            raise write.JiraRefusal(404, "The property does not exist.")
        return JSONResponse({"key": name, "value": issue.properties[name]})

    def set_property(self, request: Request, body: Any) -> Response:
        name, issue = request.path_params["name"], self._issue(request)
        new = name not in issue.properties
        issue.properties[name] = body
        self._jira.ledger.append("jira.property", {"key": issue.key, "by": BOT.account, "name": name})
        return JSONResponse({}, status_code=201 if new else 200)

    def relate(self, request: Request, body: Any) -> Response:
        self._jira.rules.check("link")
        kind = str(body.get("type", {}).get("name", ""))
        inward, outward = (self._end(body.get(side)) for side in ("inwardIssue", "outwardIssue"))
        if kind not in {name for name, _inward, _outward in LINK_TYPES.values()}:
            raise write.JiraRefusal(404, f"No issue link type with name '{kind}' found.")
        number = self._jira.state.next_id()
        inward.related.append({"id": number, "type": kind, "side": "outwardIssue", "other": outward.id})
        outward.related.append({"id": number, "type": kind, "side": "inwardIssue", "other": inward.id})
        shown = {"key": inward.key, "by": BOT.account, "type": kind, "to": outward.key}
        self._jira.ledger.append("jira.related", shown)
        return Response(status_code=201)

    def _end(self, given: object) -> Issue:
        return self._jira.seen(str(given.get("key") or given.get("id")) if is_dict(given) else "")

    def priorities(self, request: Request, body: Any) -> Response:
        return self._named("priority", PRIORITIES)

    def resolutions(self, request: Request, body: Any) -> Response:
        return self._named("resolution", RESOLUTIONS)

    def _named(self, kind: str, known: dict[str, str]) -> Response:
        return JSONResponse([self._jira.views.named(kind, name, known) for name in known.values()])

    def project(self, request: Request, body: Any) -> Response:
        return JSONResponse(self._jira.views.project(self._known(request)))

    def statuses(self, request: Request, body: Any) -> Response:
        self._known(request)
        views = self._jira.views
        shown = [views.status(status) for status in (TO_DO, DOING, DONE)]
        types = [
            {"id": number, "name": name, "self": f"{self._jira.url}/issuetype/{number}", "subtask": False}
            for number, name in ISSUE_TYPES.items()
        ]
        return JSONResponse([{**kind, "statuses": shown} for kind in types])

    def _known(self, request: Request) -> str:
        project = str(request.path_params["project"])
        if project not in self._jira.state.projects or project in self._jira.rules.archived:
            raise write.JiraRefusal(404, f"No project could be found with key '{project}'.")
        return project

    def link_types(self, request: Request, body: Any) -> Response:
        base = f"{self._jira.url}/rest/api/{3 if self._jira.cloud else 2}/issueLinkType"
        shown = [
            {"id": number, "name": name, "inward": inward, "outward": outward, "self": f"{base}/{number}"}
            for number, (name, inward, outward) in LINK_TYPES.items()
        ]
        return JSONResponse({"issueLinkTypes": shown})

    def fields(self, request: Request, body: Any) -> Response:
        standard = [(name, name.title(), False) for name in STANDARD_FIELDS]
        custom = [(each.id, each.name, True) for each in self._jira.state.custom_fields]
        shown = [
            {"id": number, "key": number, "name": name, "custom": own, "clauseNames": [number], "searchable": True}
            for number, name, own in (*standard, *custom)
        ]
        return JSONResponse(shown)

    def server_info(self, request: Request, body: Any) -> Response:
        cloud = self._jira.cloud
        kind, version = ("Cloud", "1001.0.0") if cloud else ("Server", "9.12.0")
        numbers = [int(part) for part in version.split(".")]
        shown = {"baseUrl": self._jira.url, "deploymentType": kind, "version": version, "versionNumbers": numbers}
        return JSONResponse({**shown, "serverTitle": "Jira stand-in"})


def _updated(issue: Issue, update: dict[str, Any]) -> dict[str, Any]:
    """The values of fields after `update`'s add, remove and set."""
    values: dict[str, Any] = {}
    for name, verbs in update.items():
        now: Any = issue.fields.get(name)
        for verb in verbs if is_list(verbs) else []:
            (kind, value), *_ = verb.items()
            if kind == "set":
                now = value
            elif kind in ("add", "remove"):
                have: list[Any] = now or []
                rest = [each for each in have if each != value]
                now = [*rest, value] if kind == "add" else rest
            else:
                raise write.JiraRefusal(400, fields={name: f"Unknown operation {kind}."})
        values[name] = now
    return values
