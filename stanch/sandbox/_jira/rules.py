"""What an administrator changes in the Jira stand-in at run time, and the refusals that follow from it."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from stanch.sandbox._jira.state import Issue, JiraState
from stanch.sandbox._jira.write import JiraRefusal

ATTACHMENT_LIMIT = 10_485_760
# What each write needs. Comment and transition refuse with 400, link and attach with 403 (so measured on 8.20.7).
NEEDS = {
    "create": "CREATE_ISSUES", "edit": "EDIT_ISSUES", "comment": "ADD_COMMENTS", "transition": "TRANSITION_ISSUES",
    "assign": "ASSIGN_ISSUES", "attach": "CREATE_ATTACHMENTS", "link": "LINK_ISSUES", "delete": "DELETE_ISSUES",
}  # fmt: skip
PERMISSIONS = frozenset({"BROWSE_PROJECTS", *NEEDS.values()})
_STATUS = {"comment": 400, "transition": 400, "edit": 400, "create": 400}
_MESSAGES = {
    "comment": "Stanch, you do not have the permission to comment on this issue.",
    "transition": "It seems that you have tried to perform an invalid workflow operation.",
}


@dataclass
class JiraRules:
    """Settings of the project's and the site's administrators.

    Args:
        denied: permissions the account lacks.
        archived: keys of archived projects: out of search, and their issues as good as gone.
        without_transitions: ids of transitions that the workflow has lost.
        attachment_limit: bytes.
        issue_writes: so many writes to one issue in so many seconds; more are answered 429.
    """

    denied: frozenset[str] = frozenset()
    archived: frozenset[str] = frozenset()
    without_transitions: frozenset[str] = frozenset()
    attachment_limit: int = ATTACHMENT_LIMIT
    issue_writes: tuple[int, float] | None = None
    _times: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque), repr=False)

    def hidden(self, issue: Issue) -> bool:
        """True where the account sees no such issue."""
        return issue.project in self.archived or "BROWSE_PROJECTS" in self.denied

    def check(self, operation: str, project: str = "") -> None:
        """Refuse what the account may not do, in the way of the operation.

        Raises:
            JiraRefusal: the permission is missing, or the project is archived.
        """
        if operation == "create" and project in self.archived:
            raise JiraRefusal(400, fields={"project": "Specify a valid project ID or key"})
        if NEEDS.get(operation) not in self.denied:
            return
        if operation in ("create", "edit"):
            name = "project" if operation == "create" else "summary"
            text = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            raise JiraRefusal(400, fields={name: text})
        message = _MESSAGES.get(operation, f"The permission {NEEDS[operation]} is missing.")
        raise JiraRefusal(_STATUS.get(operation, 403), message)

    def pace(self, issue: Issue) -> None:
        """Count a write to the issue.

        Raises:
            JiraRefusal: 429 with the limit's name, where there were too many.
        """
        if self.issue_writes is None:
            return
        most, seconds = self.issue_writes
        times, now = self._times[issue.id], time.monotonic()
        while times and times[0] <= now - seconds:
            times.popleft()
        if len(times) >= most:
            wait = max(1, math.ceil(times[0] + seconds - now))
            headers = {"Retry-After": str(wait), "RateLimit-Reason": "jira-per-issue-on-write"}
            raise JiraRefusal(429, "Too many writes to this issue.", headers=headers)
        times.append(now)

    def transitions(self, state: JiraState, issue: Issue) -> tuple[Any, ...]:
        """The transitions that the workflow still has and the account may use."""
        if "TRANSITION_ISSUES" in self.denied:
            return ()
        return tuple(each for each in state.transitions(issue) if each.id not in self.without_transitions)
