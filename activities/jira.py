"""Tickets in Jira, Cloud and Data Center."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from activities._jira import changes as _jira_changes
from activities._jira import events as _jira_events
from activities._jira import moves as _jira_moves
from activities._jira.client import JiraClient, issue_key, rows_of
from activities._jira.create import make
from activities._jira.doctor import examine
from activities._jira.fields import ticket_label
from activities._jira.screens import CreateScreens
from activities._jira.settings import JiraSettings
from activities._jira.shapes import user_reference
from activities._jira.text import TEXT_LIMIT, adf, holds, wiki
from activities._jira.view import READ_FIELDS, account_of, has_label, ticket
from activities._outcomes import Call, unusable
from activities._ticket.common import attachment_name, fit, mark_of, note_marker, settle
from activities._ticket.settings import secrets_of
from activities._ticket.sweep import oldest, sweep
from stanch.errors import ConnectorError, Rejected
from stanch.ports import Check, Connector, Swept, Ticket, TicketDraft, TicketEvent, TicketNote, TicketState
from stanch.sinks.text import one_line
from stanch.views import TicketTarget

COMMENT_PAGES = 20
MOST_WATCHERS = 10
MOST_READS = 10


class JiraTickets:
    """A TicketPort over Jira. A label carries our key; the search index lags, so an uncertain create settles first."""

    def __init__(self, name: str, settings: JiraSettings) -> None:
        self.name = name
        self._settings = settings
        self._client = JiraClient(settings)
        self._screens = CreateScreens(self._client)
        self._own = settings.account_id

    def __repr__(self) -> str:
        return f"JiraTickets({self.name!r}, {self._settings.url!r})"

    def ensure_ticket(self, draft: TicketDraft, *, uncertain_since: datetime | None = None) -> Ticket:
        found = settle(lambda: self._lookup(draft.key), since=uncertain_since, patience=self._settings.patience)
        return found or self._create(draft)

    def _lookup(self, key: str) -> Ticket | None:
        return oldest(self._with_label(key))

    def _with_label(self, key: str) -> list[Ticket]:
        """The issues with our label, oldest first; each row is checked to have it, and read where it does not say."""
        mark = ticket_label(key)
        rows = self._client.search(f'labels = "{mark}"', fields=READ_FIELDS)
        ours = [ticket(row, self._settings) for row in rows if has_label(row, mark)]
        silent = [row for row in rows if has_label(row, mark) is None]
        for row in silent[:MOST_READS]:
            read = self.get_ticket(str(row.get("key") or row.get("id")))
            ours += [read] if mark in read.raw["labels"] else []
        return sorted(ours, key=_age)

    def _create(self, draft: TicketDraft) -> Ticket:
        key = make(self._client, self._screens, draft, settings=self._settings)
        made = self._created(key, draft)
        self._watch(made.key, draft.watchers[:MOST_WATCHERS])
        return made

    def _created(self, key: str, draft: TicketDraft) -> Ticket:
        """The new issue; a failed read must not look like a failed create, which would be repeated."""
        try:
            return self.get_ticket(key)
        except ConnectorError:
            link = f"{self._settings.url}/browse/{key}"
            return Ticket(
                key=key, id="", system="jira", url=link, state=TicketState.NEW, assignee=draft.assignee
            )  # fmt: skip

    def _watch(self, key: str, watchers: Sequence[str]) -> None:
        for account in watchers:
            try:
                self._client.send("POST", f"issue/{key}/watchers", account, action="add a watcher")
            except ConnectorError:
                # The ticket stands; a watcher who may not see it must not make it be created again.
                continue

    def get_ticket(self, key: str) -> Ticket:
        names = ",".join(filter(None, (READ_FIELDS, self._settings.group_field)))
        query = {"fields": names, "expand": "changelog"}
        return ticket(
            self._client.get(f"issue/{issue_key(key)}", action="read the ticket", params=query), self._settings
        )

    def set_state(self, key: str, state: TicketState, *, resolution: str = "", note: str = "") -> Ticket:
        now = self._move(key, state, resolution)
        if note:
            self.add_note(key, note, marker=note_marker("state", key, state.value, note))
        return now

    def _move(self, key: str, state: TicketState, resolution: str) -> Ticket:
        now = self.get_ticket(key)
        left: frozenset[str] = frozenset()
        for _ in range(_jira_moves.MOST_STEPS):
            if now.state is state:
                return now
            offered = self._client.rows(
                f"issue/{issue_key(key)}/transitions",
                "transitions",
                action="read the transitions",
                params={"expand": "transitions.fields"},
            )
            way = _jira_moves.choose(offered, target=state, settings=self._settings, left=left)
            if way is None:
                break
            body = _jira_moves.request(way, resolution=resolution, settings=self._settings)
            self._client.send("POST", f"issue/{issue_key(key)}/transitions", body, action="move the ticket")
            left |= {_jira_moves.leads_to(way)}
            now = self.get_ticket(key)
        if state is TicketState.NEW and now.state is TicketState.IN_PROGRESS:
            return now  # many workflows reopen into work and have no way back to the start: open is what is wanted
        raise Rejected(
            f"no Jira transition leads from {one_line(now.state_name, limit=60)} to {state.value}",
            hint="let the workflow allow it for this account, or name the transition under `transitions`",
        )

    def add_note(self, key: str, text: str, *, marker: str) -> None:
        mark = mark_of(marker)
        if self._has_note(key, mark):
            return
        whole = f"{fit(text, limit=TEXT_LIMIT - len(mark) - 2)}\n\n{mark}"
        self._client.comment(issue_key(key), adf(whole) if self._settings.cloud else wiki(whole))

    def _has_note(self, key: str, mark: str) -> bool:
        path = f"issue/{issue_key(key)}/comment"
        seen = 0
        for _ in range(COMMENT_PAGES):
            query = {"orderBy": "-created", "startAt": str(seen), "maxResults": "100"}
            page = self._client.get(path, action="read the notes", params=query)
            comments = rows_of(page, "comments", action="read the notes")
            if any(holds(comment.get("body"), mark) for comment in comments):
                return True
            seen += len(comments)
            total = page.get("total")  # a page may be shorter than was asked for
            if not comments or not isinstance(total, int) or seen >= total:
                return False
        return False

    def noted(self, key: str, *, marker: str) -> bool:
        return self._has_note(key, mark_of(marker))

    def ensure_link(self, key: str, *, link_id: str, url: str, title: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise Rejected("a link must be an http or https address")
        body = {
            "globalId": f"stanch:{link_id}"[:255],
            "object": {"url": url, "title": one_line(title, limit=255) or url},
        }
        made = self._client.send("POST", f"issue/{issue_key(key)}/remotelink", body, action="link the case")
        if not isinstance(made, dict) or not made.get("id"):
            raise unusable(Call("Jira", "link the case", write=True))

    def attach(self, key: str, *, name: str, content: bytes) -> None:
        filename = attachment_name(name, content)
        query = {"fields": "attachment"}
        found = self._client.get(f"issue/{issue_key(key)}", action="read the attachments", params=query)
        fields = found.get("fields")
        if not isinstance(fields, dict):
            raise unusable(Call("Jira", "read the attachments", write=False))
        have = rows_of(fields, "attachment", action="read the attachments")
        if not any(each.get("filename") == filename for each in have):
            self._client.attach(key, name=filename, content=content)

    def assign(self, key: str, *, assignee: str = "", group: str = "", note: str = "") -> Ticket:
        if not assignee and not (group and self._settings.group_field):
            raise Rejected("Jira has no group to assign to", hint="name a person, or set `group_field`")
        if assignee:
            body = user_reference(assignee, cloud=self._settings.cloud)
            self._client.send("PUT", f"issue/{issue_key(key)}/assignee", body, action="assign the ticket")
        if group and self._settings.group_field:
            fields = {self._settings.group_field: {"value": group}}
            self._client.send("PUT", f"issue/{issue_key(key)}", {"fields": fields}, action="set the team")
        if note:
            self.add_note(key, note, marker=note_marker("assign", key, assignee, group, note))
        return self.get_ticket(key)

    def parse_event(self, *, headers: Mapping[str, str], body: bytes) -> TicketEvent | None:
        keys = secrets_of(self._settings.webhook_secret, self._settings.webhook_secret_old)
        _jira_events.verify(headers, body, keys=keys)
        event = _jira_events.read(headers, body)
        if event is not None and event.actor and event.actor == self._own_account():
            return None
        return event

    def changed_since(self, since: datetime) -> Sequence[TicketEvent]:
        return _jira_changes.changed_since(self._client, since)

    def notes(self, key: str) -> Sequence[TicketNote]:
        return _jira_changes.notes(self._client, issue_key(key), own=self._own_account())

    def _own_account(self) -> str:
        """Our own account; where Jira cannot be asked the event goes through, since it is only a hint."""
        if not self._own:
            try:
                self._own = account_of(self._client.get("myself", action="read the own account"))
            except ConnectorError:
                return ""
        return self._own

    def sweep(self, key: str, *, keep: str = "") -> Swept:
        mark = ticket_label(key)
        found: list[Ticket] = []
        for row in self._with_label(key):
            with suppress(Rejected):  # deleted, and the index does not know yet
                found.append(self.get_ticket(row.key))
        return sweep(self, [each for each in found if mark in each.raw["labels"]], keep=keep)

    def relate(self, extra: Ticket, kept: Ticket) -> None:
        """Jira lets several links of a type stand once; where the type is missing the note says it."""
        if self._settings.duplicate_link:
            body = {
                "type": {"name": self._settings.duplicate_link},
                "inwardIssue": {"key": extra.key},
                "outwardIssue": {"key": kept.key},
            }
            with suppress(Rejected):
                self._client.send("POST", "issueLink", body, action="link the tickets")

    def doctor(self, targets: Sequence[TicketTarget] = ()) -> Sequence[Check]:
        return examine(self._client, self._screens, settings=self._settings, targets=targets)


def _age(issue: Ticket) -> tuple[int, str]:
    """Jira counts its ids up; one that is no number is taken for young."""
    return (int(issue.id) if issue.id.isascii() and issue.id.isdigit() else 2**63, issue.key)


def build(name: str, section: Mapping[str, Any]) -> JiraTickets:
    """The connector from its section of stanch.toml."""
    return JiraTickets(name, JiraSettings.read(name, section))


CONNECTOR = Connector(port="tickets", kind="jira", build=build)
