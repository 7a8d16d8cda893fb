"""The Jira stand-in: Cloud (REST v3, rich text) or Data Center (REST v2, wiki text), stateful, over a real socket."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import Any

from starlette.applications import Starlette

from stanch.sandbox._callbacks import Callback, Callbacks
from stanch.sandbox._jira import admin, people, write
from stanch.sandbox._jira.routes import routes
from stanch.sandbox._jira.rules import JiraRules
from stanch.sandbox._jira.state import (
    BOT,
    DOING,
    DONE,
    LOOSE_WORKFLOW,
    STRICT_WORKFLOW,
    TO_DO,
    CustomField,
    Issue,
    JiraState,
    Person,
    Status,
)
from stanch.sandbox._jira.views import JiraViews
from stanch.sandbox._server import Ledger, Standin

__all__ = ["BOT", "DOING", "DONE", "TO_DO", "CustomField", "JiraStandin", "Person"]


class JiraStandin(Standin):
    """Jira with people, a workflow graph, search that may lag, and signed webhooks.

    Args:
        cloud: Cloud (v3, Basic with e-mail) or Data Center (v2, Bearer).
        projects: keys of the projects that exist.
        strict: Done is reached only through In Progress.
        token: the only token that is accepted.
        webhook_secret: signs callbacks; set `callbacks.url` to get them.
    """

    name = "jira"

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        port: int = 0,
        cloud: bool = True,
        projects: tuple[str, ...] = ("MOBP", "PAY", "SEC", "OPS"),
        strict: bool = False,
        token: str = "jira-token",  # noqa: S107  the stand-in's own, opens nothing else
        webhook_secret: str = "",
    ) -> None:
        super().__init__(ledger=ledger, port=port)
        self.cloud = cloud
        self._first = (token, webhook_secret, projects, STRICT_WORKFLOW if strict else LOOSE_WORKFLOW)
        self.lock = RLock()
        self.callbacks = Callbacks(name=self.name, ledger=self.ledger, faults=self.faults)
        self.reset()
        self.app = Starlette(routes=routes(self))

    def reset(self) -> None:
        """Forget everything but the ledger's file: issues, faults, settings, callbacks."""
        self.callbacks.stop()
        self.token, self.webhook_secret, projects, workflow = self._first
        self.index_lag = 0.0  # seconds until search sees a new issue
        self.rules = JiraRules()
        self.observe = None
        self.state = JiraState(projects=projects, workflow=workflow)
        self.faults.clear()
        self.ledger = Ledger(self.ledger.path)
        self.callbacks = Callbacks(name=self.name, ledger=self.ledger, faults=self.faults)

    @property
    def views(self) -> JiraViews:
        return JiraViews(self.state, base=self.url, cloud=self.cloud)

    def stop(self) -> None:
        super().stop()
        self.callbacks.stop()

    # What a person does in the tracker.

    def issue(self, key: str) -> Issue:
        """The issue, for looking at; raises KeyError where there is none."""
        found = self.state.find(key)
        if found is None:
            raise KeyError(key)
        return found

    def issues(self) -> list[Issue]:
        with self.lock:
            return list(self.state.issues.values())

    def reassign(self, key: str, *, to: str, by: str = "maria.k") -> None:
        with self.lock:
            issue = self.issue(key)
            item = write.reassign(self.state, issue, by=by, account=to)
            self.changed("jira.assigned", issue, by=by, item=item, fields={"to": to})

    def transition(self, key: str, *, to: Status = DONE, by: str = "maria.k", resolution: str = "") -> None:
        """Move an issue along the first transition that leads to the status."""
        with self.lock:
            issue = self.issue(key)
            way = next((each for each in self.state.transitions(issue) if each.to == to), None)
            if way is None:
                raise ValueError(f"no transition leads from {issue.status.name} to {to.name}")
            fields = {"resolution": {"name": resolution}} if resolution else {}
            item = write.move(self.state, issue, way, by=by, fields=fields)
            self.changed("jira.transition", issue, by=by, item=item, fields={"to": to.category})

    def comment(self, key: str, text: str, *, by: str = "maria.k") -> None:
        with self.lock:
            issue = self.issue(key)
            body = {"type": "doc", "version": 1, "content": [_paragraph(text)]} if self.cloud else text
            comment = write.add_comment(self.state, issue, by=by, body=body)
            self.changed("jira.comment", issue, by=by, fields={"id": comment["id"]})

    def prioritise(self, key: str, *, to: str, by: str = "maria.k") -> None:
        with self.lock:
            issue = self.issue(key)
            fields = {"priority": {"name": to}}
            write.check_edit(self.state, issue, fields, cloud=self.cloud)
            for item in write.edit(self.state, issue, fields, by=by):
                self.changed("jira.edited", issue, by=by, item=item, fields={"changed": ["priority"], "to": to})

    def move(self, key: str, *, to: str, by: str = "maria.k") -> str:
        """Move an issue to another project; returns its new key. The old one still finds it."""
        with self.lock:
            issue = self.issue(key)
            if to not in self.state.projects:
                raise ValueError(f"there is no project {to}")
            project, before = issue.project, issue.key
            self.state.move(issue, to)
            item = self.state.record(issue, by=by, field_name="project", before=project, after=to)
            key_item = {**item, "field": "Key", "fromString": before, "toString": issue.key}
            issue.history[-1]["items"].append(key_item)
            self.changed("jira.moved", issue, by=by, item=item, fields={"from": before})
            return issue.key

    def delete(self, key: str, *, by: str = "maria.k") -> None:
        with self.lock:
            issue = self.issue(key)
            del self.state.issues[issue.key]
            self.changed("jira.issue_deleted", issue, by=by)

    # What the control interface and the page ask.

    def act(self, order: dict[str, Any]) -> None:
        """Do what a control request asks: `do` is one of `_jira_people.ACTS`."""
        people.act(self, order)

    def settings(self) -> dict[str, Any]:
        return admin.view(self)

    def set(self, order: Mapping[str, Any]) -> None:
        """Change settings at run time.

        Raises:
            ValueError: with what is wrong; nothing is changed then.
        """
        admin.change(self, order)

    def tickets(self) -> list[dict[str, Any]]:
        """Every issue in short, for a judge."""
        return [admin.brief(issue) for issue in self.state.issues.values()]

    # What the routes share with people.

    def seen(self, key: str) -> Issue:
        """The issue as the account sees it.

        Raises:
            JiraRefusal: there is none, or none for this account.
        """
        found = self.state.find(key)
        if found is None or self.rules.hidden(found):
            raise write.JiraRefusal(404, "Issue does not exist or you do not have permission to see it.")
        return found

    def changed(
        self,
        event: str,
        issue: Issue,
        *,
        by: str,
        item: dict[str, Any] | None = None,
        fields: dict[str, Any] | None = None,
    ) -> None:
        """Enter a change in the ledger and tell the configured URL about it."""
        self.ledger.append(event, {"key": issue.key, "by": by, **(fields or {})})
        body: dict[str, Any] = {
            "timestamp": int(issue.updated.timestamp() * 1000),
            "webhookEvent": _webhook_event(event),
            "user": self.views.account(by),
            "issue": self.views.issue(issue),
        }
        if item is not None:
            body["changelog"] = {"id": issue.history[-1]["id"], "items": issue.history[-1]["items"]}
        self.callbacks.emit(self._signed(json.dumps(body).encode(), key=issue.key))

    def _signed(self, body: bytes, *, key: str) -> Callback:
        event_id = str(uuid.uuid4())
        headers = {"Content-Type": "application/json", "X-Atlassian-Webhook-Identifier": event_id}
        if self.webhook_secret:
            mac = hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature"] = f"sha256={mac}"
        return Callback(event_id=event_id, body=body, headers=headers, key=key)


def _webhook_event(event: str) -> str:
    names = {
        "jira.issue_created": "jira:issue_created",
        "jira.issue_deleted": "jira:issue_deleted",
        "jira.comment": "comment_created",
    }
    return names.get(event, "jira:issue_updated")


def _paragraph(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": text}]}
