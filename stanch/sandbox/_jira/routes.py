"""The HTTP surface of the Jira stand-in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._control import control
from stanch.sandbox._jira import adf, jql, write
from stanch.sandbox._jira.more_routes import more_routes
from stanch.sandbox._jira.page import JiraPage
from stanch.sandbox._jira.state import BOT, Issue
from stanch.sandbox._multipart import first_file
from stanch.sandbox._operations import Spoils, faulting, login_page
from stanch.sandbox._tracker_page import pages
from stanch.shapes import is_dict, is_list

if TYPE_CHECKING:
    from stanch.sandbox.jira import JiraStandin

Answer = Callable[[Request, Any], Response]

SPOILS = Spoils(
    error_200={"errorMessages": ["The request could not be completed."], "errors": {}},
    refusal={"errorMessages": ["A workflow validator did not let the change through."], "errors": {}},
    refusal_status=400,
)


def routes(jira: JiraStandin) -> list[Route]:
    """Every route of the stand-in, for its deployment's API version."""
    on = _Routes(jira)
    api = f"/rest/api/{3 if jira.cloud else 2}"
    issue = f"{api}/issue/{{key}}"
    search = f"{api}/search/jql" if jira.cloud else f"{api}/search"
    table: list[tuple[str, str, str, Answer]] = [
        ("GET", f"{api}/myself", "myself", on.myself),
        ("GET", f"{api}/mypermissions", "permissions", on.permissions),
        ("POST", f"{api}/issue", "create", on.create),
        ("GET", f"{api}/issue/createmeta/{{project}}/issuetypes", "createmeta", on.issue_types),
        ("GET", f"{api}/issue/createmeta/{{project}}/issuetypes/{{type}}", "createmeta", on.create_fields),
        ("GET", issue, "get", on.get),
        ("PUT", f"{issue}/assignee", "assign", on.assign),
        ("GET", f"{issue}/comment", "comments", on.comments),
        ("POST", f"{issue}/comment", "comment", on.comment),
        ("GET", f"{issue}/transitions", "transitions", on.transitions),
        ("POST", f"{issue}/transitions", "transition", on.transition),
        ("POST", f"{issue}/remotelink", "link", on.link),
        ("POST", f"{issue}/watchers", "watch", on.watch),
        ("POST", f"{issue}/attachments", "attach", on.attach),
        ("GET", search, "search", on.search),
        ("POST", search, "search", on.search),
        *more_routes(jira, api),
    ]
    found = [
        Route(path, faulting(jira, name, on.guarded(name, answer), spoils=SPOILS), methods=[method])
        for method, path, name, answer in table
    ]
    if jira.cloud:
        found.append(Route(f"{api}/search", on.gone, methods=["GET", "POST"]))
    return [
        *found,
        *pages(JiraPage(jira)),
        Route("/login", login_page),
        *control(jira),
    ]


MOST_RESULTS = 50  # a page may be shorter than was asked for


class _Routes:
    """One method per operation; each gets the parsed body."""

    def __init__(self, jira: JiraStandin) -> None:
        self._jira = jira

    def guarded(self, name: str, answer: Answer) -> Callable[[Request, bytes], Response]:
        """The operation behind authentication, JSON parsing and the lock, with refusals as Jira writes them."""

        def handler(request: Request, body: bytes) -> Response:
            if not self._authentic(request.headers.get("authorization", "")):
                return Response("Client must be authenticated to access this resource.", status_code=401)
            is_json = request.headers.get("content-type", "").startswith("application/json")
            try:
                parsed = json.loads(body) if is_json and body else body
                with self._jira.lock:
                    self._admit(name, request)
                    return answer(request, parsed)
            except write.JiraRefusal as refusal:
                return JSONResponse(refusal.body, status_code=refusal.status, headers=refusal.headers)
            except (jql.JqlError, json.JSONDecodeError) as error:
                return JSONResponse({"errorMessages": [str(error)], "errors": {}}, status_code=400)

        return handler

    def _authentic(self, header: str) -> bool:
        kind, _, value = header.partition(" ")
        if kind.lower() == "bearer":
            return value == self._jira.token
        expected = base64.b64encode(f"{BOT.email}:{self._jira.token}".encode()).decode()
        return kind.lower() == "basic" and value == expected

    def _admit(self, name: str, request: Request) -> None:
        """Ask the rules about a request to an issue: is it seen, may this be done, is it too often?"""
        if "key" not in request.path_params:
            return
        issue = self._issue(request)
        if request.method != "GET":
            self._jira.rules.check(name)
            self._jira.rules.pace(issue)

    def _issue(self, request: Request) -> Issue:
        return self._jira.seen(request.path_params["key"])

    def myself(self, request: Request, body: Any) -> Response:
        return JSONResponse(self._jira.views.person(BOT))

    def permissions(self, request: Request, body: Any) -> Response:
        names, denied = request.query_params.get("permissions", "").split(","), self._jira.rules.denied
        shown = {
            name: {"id": str(index), "key": name, "name": name, "type": "PROJECT", "havePermission": name not in denied}
            for index, name in enumerate(names)
        }
        return JSONResponse({"permissions": shown})

    def create(self, request: Request, body: Any) -> Response:
        jira = self._jira
        fields = dict(body.get("fields", {}))
        project = write.check_create(jira.state, fields, cloud=jira.cloud)
        jira.rules.check("create", project)
        issue = jira.state.add_issue(project, write.clean_fields(jira.state, fields))
        shown = {"summary": issue.fields["summary"], "labels": issue.fields["labels"], "assignee": issue.assignee}
        jira.changed("jira.issue_created", issue, by=BOT.account, fields=shown)
        view = {"id": issue.id, "key": issue.key, "self": jira.views.issue(issue)["self"]}
        return JSONResponse(view, status_code=201)

    def issue_types(self, request: Request, body: Any) -> Response:
        self._known_project(request)
        return JSONResponse(self._jira.views.issue_types())

    def create_fields(self, request: Request, body: Any) -> Response:
        self._known_project(request)
        return JSONResponse(self._jira.views.create_fields(request.path_params["project"]))

    def _known_project(self, request: Request) -> None:
        project = request.path_params["project"]
        if project not in self._jira.state.projects or project in self._jira.rules.archived:
            raise write.JiraRefusal(400, "No project could be found with key or id.")

    def get(self, request: Request, body: Any) -> Response:
        names = _names(request.query_params.get("fields", ""))
        wants_log = "changelog" in request.query_params.get("expand", "")
        return JSONResponse(self._jira.views.issue(self._issue(request), fields=names, changelog=wants_log))

    def assign(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        account = write.person_of(self._jira.state, body)
        if account is None:
            raise write.JiraRefusal(400, fields={"assignee": "The user does not exist or cannot be assigned."})
        item = write.reassign(self._jira.state, issue, by=BOT.account, account=account)
        self._jira.changed("jira.assigned", issue, by=BOT.account, item=item, fields={"to": account})
        return Response(status_code=204)

    def comments(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        query = request.query_params
        found = list(reversed(issue.comments)) if query.get("orderBy") == "-created" else issue.comments
        start, limit = int(query.get("startAt", 0)), min(int(query.get("maxResults", 100)), 100)
        return JSONResponse(self._jira.views.comments(issue, found, start=start, limit=limit))

    def comment(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        if not write.text_ok(body.get("body"), cloud=self._jira.cloud):
            raise write.JiraRefusal(400, fields={"comment": "Comment body is not valid!"})
        comment = write.add_comment(self._jira.state, issue, by=BOT.account, body=body["body"])
        text = adf.plain(body["body"])
        self._jira.changed("jira.comment", issue, by=BOT.account, fields={"id": comment["id"], "text": text})
        return JSONResponse(self._jira.views.comment(issue, comment), status_code=201)

    def transitions(self, request: Request, body: Any) -> Response:
        jira = self._jira
        return JSONResponse(jira.views.transitions(jira.rules.transitions(jira.state, self._issue(request))))

    def transition(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        number = body.get("transition", {}).get("id")
        ways = self._jira.rules.transitions(self._jira.state, issue)
        way = next((each for each in ways if each.id == number), None)
        if way is None:
            raise write.JiraRefusal(400, "It seems that you have tried to perform an invalid workflow operation.")
        item = write.move(self._jira.state, issue, way, by=BOT.account, fields=body.get("fields", {}))
        self._jira.changed("jira.transition", issue, by=BOT.account, item=item, fields={"to": way.to.category})
        return Response(status_code=204)

    def link(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        shown: dict[str, Any] = body.get("object") or {}
        if not shown.get("url") or not shown.get("title"):
            raise write.JiraRefusal(400, fields={"title": "'title' is required.", "url": "'url' is required."})
        global_id = str(body.get("globalId") or self._jira.state.next_id())
        if len(global_id) > 255:
            raise write.JiraRefusal(400, fields={"globalId": "'globalId' must be at most 255 characters."})
        new = global_id not in issue.links
        number = int(self._jira.state.next_id()) if new else issue.links[global_id]["number"]
        issue.links[global_id] = {"number": number, "url": shown["url"], "title": shown["title"]}
        self._jira.ledger.append("jira.link", {"key": issue.key, "by": BOT.account, "global_id": global_id, "new": new})
        view = {"id": number, "self": f"{self._jira.url}/rest/api/3/issue/{issue.key}/remotelink/{number}"}
        return JSONResponse(view, status_code=201 if new else 200)

    def watch(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        if body not in self._jira.state.people:
            raise write.JiraRefusal(404, "The user does not exist.")
        if body not in issue.watchers:
            issue.watchers.append(body)
        return Response(status_code=204)

    def attach(self, request: Request, body: Any) -> Response:
        issue = self._issue(request)
        if request.headers.get("x-atlassian-token") != "no-check":
            return Response("XSRF check failed", status_code=403)
        filename, content = first_file(request.headers.get("content-type", ""), body)
        if len(content) > self._jira.rules.attachment_limit:
            raise write.JiraRefusal(413, "The attachment exceeds its maximum permitted size.")
        entry = {
            "id": self._jira.state.next_id(), "filename": filename, "content": content,
            "by": BOT.account, "at": datetime.now(UTC),
        }  # fmt: skip
        issue.attachments.append(entry)
        shown = {"key": issue.key, "by": BOT.account, "filename": filename, "size": len(content)}
        self._jira.ledger.append("jira.attachment", shown)
        return JSONResponse([self._jira.views.attachment(entry)])

    def search(self, request: Request, body: Any) -> Response:
        query = body if is_dict(body) else dict(request.query_params)
        given = query.get("fields") or ("id" if self._jira.cloud else "*all")
        names = tuple(given) if is_list(given) else _names(given)
        hits = self._hits(str(query.get("jql", "")), lag=request.state.lag)
        limit, start = min(int(query.get("maxResults", 50)), MOST_RESULTS), self._start(query)
        shown = [self._jira.views.issue(each, fields=names) for each in hits[start : start + limit]]
        if not self._jira.cloud:
            return JSONResponse({"startAt": start, "maxResults": limit, "total": len(hits), "issues": shown})
        last = start + limit >= len(hits)
        more = {} if last else {"nextPageToken": base64.b64encode(str(start + limit).encode()).decode()}
        return JSONResponse({"isLast": last, "issues": shown, **more})

    def _start(self, query: dict[str, Any]) -> int:
        """Where the page begins: by token on Cloud, by number on Data Center."""
        if not self._jira.cloud:
            return int(query.get("startAt", 0))
        try:
            return int(base64.b64decode(str(query.get("nextPageToken") or "MA=="), validate=True))
        except ValueError as error:
            raise write.JiraRefusal(400, "The provided next page token is invalid.") from error

    def _hits(self, query: str, *, lag: float) -> list[Issue]:
        """What the index finds, as old as it is."""
        test = jql.parse(query)
        newest = datetime.now(UTC) - timedelta(seconds=max(self._jira.index_lag, lag))
        seen = (each for each in self._jira.state.issues.values() if not self._jira.rules.hidden(each))
        return jql.ordered(query, (each for each in seen if each.created <= newest and test(each)))

    async def gone(self, request: Request) -> Response:
        message = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."
        return JSONResponse({"errorMessages": [message], "errors": {}}, status_code=410)


def _names(given: str) -> tuple[str, ...]:
    return tuple(name for name in given.split(",") if name)
