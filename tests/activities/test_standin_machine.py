"""Any order of requests, acts and faults leaves the Jira stand-in as a plain model says, and its ledger too."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from jira_support import TOKEN

from stanch.sandbox._ledger import read_ledger
from stanch.sandbox._server import Fault
from stanch.sandbox.jira import DOING, DONE, TO_DO, JiraStandin

EXAMPLES = 200 if os.environ.get("STANCH_PROFILE") == "long" else 8
PEOPLE = st.sampled_from(["maria.k", "tom.b"])
TRANSITIONS = {"21": DOING, "11": TO_DO, "31": DONE, "51": DOING}
ALLOWED = {"new": {"21", "31"}, "indeterminate": {"31", "11"}, "done": {"51"}}
COMMITS = {None: True, "drop_before": False, "status": False, "drop_after": True, "truncated": True}
MODES = st.sampled_from([None, None, None, "drop_before", "status", "drop_after", "truncated"])
WHICH = st.integers(0, 10**6)


@dataclass
class Expected:
    state: str = "new"
    assignee: str = ""
    comments: int = 0
    key: str = ""
    former: list[str] = field(default_factory=list)


class Tracker(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "jira.jsonl"
        self.jira = JiraStandin(ledger=self.path)
        self.jira.start()
        self.session = requests.Session()
        self.session.auth = ("stanch@example.com", TOKEN)
        self.issues: list[Expected] = []
        self.numbers = {"MOBP": 0, "PAY": 0}

    def teardown(self) -> None:
        self.session.close()
        self.jira.stop()
        events = [entry["event"] for entry in read_ledger(self.path)] if self.path.exists() else []
        assert events.count("jira.issue_created") == sum(self.numbers.values()) - events.count("jira.moved")
        assert events.count("jira.comment") >= sum(issue.comments for issue in self.issues)
        self.folder.cleanup()

    def send(self, operation: str, method: str, path: str, body: object, mode: str | None) -> bool:
        """True where the tracker did it, whatever the client was told."""
        if mode is not None:
            self.jira.faults.script(operation, Fault(mode, status=503))
        try:
            response = self.session.request(method, f"{self.jira.url}/rest/api/3/{path}", json=body, timeout=5)
            told = response.status_code
        except requests.ConnectionError:
            told = 0
        assert (told == 503) is (mode == "status")
        return COMMITS[mode]

    def pick(self, which: int) -> Expected:
        return self.issues[which % len(self.issues)]

    @rule(mode=MODES, project=st.sampled_from(["MOBP", "PAY"]))
    def create(self, mode: str | None, project: str) -> None:
        fields = {"project": {"key": project}, "issuetype": {"name": "Task"}, "summary": "s"}
        if self.send("create", "POST", "issue", {"fields": fields}, mode):
            self.issues.append(Expected(key=self.next_key(project)))

    def next_key(self, project: str) -> str:
        self.numbers[project] += 1
        return f"{project}-{self.numbers[project]}"

    @precondition(lambda self: self.issues)
    @rule(which=WHICH, mode=MODES, number=st.sampled_from([*TRANSITIONS]))
    def move_on(self, which: int, mode: str | None, number: str) -> None:
        issue = self.pick(which)
        done = self.send("transition", "POST", f"issue/{issue.key}/transitions", {"transition": {"id": number}}, mode)
        if done and number in ALLOWED[issue.state]:
            issue.state = TRANSITIONS[number].category

    @precondition(lambda self: self.issues)
    @rule(which=WHICH, mode=MODES)
    def comment(self, which: int, mode: str | None) -> None:
        issue = self.pick(which)
        body = {"body": {"type": "doc", "version": 1, "content": []}}
        issue.comments += self.send("comment", "POST", f"issue/{issue.key}/comment", body, mode)

    @precondition(lambda self: self.issues)
    @rule(which=WHICH, mode=MODES, person=PEOPLE)
    def assign(self, which: int, mode: str | None, person: str) -> None:
        issue = self.pick(which)
        if self.send("assign", "PUT", f"issue/{issue.key}/assignee", {"accountId": person}, mode):
            issue.assignee = person

    @precondition(lambda self: self.issues)
    @rule(which=WHICH, person=PEOPLE)
    def a_person_assigns(self, which: int, person: str) -> None:
        issue = self.pick(which)
        self.jira.reassign(issue.key, to=person)
        issue.assignee = person

    @precondition(lambda self: self.issues)
    @rule(which=WHICH, project=st.sampled_from(["MOBP", "PAY"]))
    def a_person_moves(self, which: int, project: str) -> None:
        issue = self.pick(which)
        issue.former.append(issue.key)
        issue.key = self.next_key(project)
        assert self.jira.move(issue.former[-1], to=project) == issue.key

    @precondition(lambda self: self.issues)
    @rule(which=WHICH)
    def a_person_deletes(self, which: int) -> None:
        issue = self.pick(which)
        self.jira.delete(issue.key)
        self.issues.remove(issue)
        assert self.session.get(f"{self.jira.url}/rest/api/3/issue/{issue.key}", timeout=5).status_code == 404

    @invariant()
    def agrees(self) -> None:
        seen = {each["key"]: (each["state"], each["assignee"], each["comments"]) for each in self.jira.tickets()}
        assert seen == {each.key: (each.state, each.assignee, each.comments) for each in self.issues}
        for issue in self.issues:
            assert all(self.jira.issue(key).key == issue.key for key in issue.former)


TestTracker = Tracker.TestCase
TestTracker.settings = settings(max_examples=EXAMPLES, stateful_step_count=15, deadline=None)
