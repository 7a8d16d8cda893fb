"""Whether a request can be asked at all: one that nobody could settle is a mistake in the playbook or directory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from stanch.approvals.matching import empty_lines
from stanch.approvals.model import APPROVE, DENY, ApprovalRequest
from stanch.errors import Problem

MAX_LINES = 16
MAX_APPROVERS = 400
MAX_OPTIONS = 10
# On one line, and a button of Slack has no room for more.
Answer = Annotated[str, Field(min_length=1, max_length=75, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
RESERVED = frozenset({APPROVE, DENY, "approved", "rejected", "reject", "expired", ""})


def check_request(request: ApprovalRequest) -> tuple[Problem, ...]:
    """Everything that is wrong with a request before it is shown to anybody; empty where it may be asked."""
    return (*_needs(request), *_answers(request), *_times(request))


def _needs(request: ApprovalRequest) -> Iterator[Problem]:
    if not request.needs:
        yield Problem("A101", "the approval names no approvers", hint="an empty list never means everybody")
    for number, need in enumerate(request.needs, 1):
        if not need.from_:
            yield Problem(
                "A102", f"line {number} ({need.label or 'unnamed'}) has no approvers: its names led to nobody"
            )
        if need.count < 1:
            yield Problem("A103", f"line {number} needs {need.count} people", hint="count is at least 1")
    if sum(need.count for need in request.needs) > MAX_LINES or len(request.approvers()) > MAX_APPROVERS:
        yield Problem("A104", f"at most {MAX_LINES} people may be needed, out of at most {MAX_APPROVERS}")
        return
    yield from _seats(request)


def _seats(request: ApprovalRequest) -> Iterator[Problem]:
    lines = request.lines()
    left = empty_lines([people for _, people in lines], sorted(request.approvers()))
    if left and all(need.from_ for need in request.needs):
        names = ", ".join(dict.fromkeys(lines[line][0] or "unnamed" for line in left))
        hint = "one person fills one line, and the requester and the playbook's last editor do not count"
        yield Problem("A105", f"too few different people for: {names}", hint=hint)


def _answers(request: ApprovalRequest) -> Iterator[Problem]:
    options = request.options
    if len(options) > MAX_OPTIONS or len(set(options)) != len(options) or RESERVED.intersection(options):
        yield Problem("A106", f"options must be up to {MAX_OPTIONS} different names, none of them approve or deny")
    if request.on_timeout != "reject" and request.on_timeout not in options:
        yield Problem("A107", "on_timeout must be reject or one of the options: silence is never consent")


def _times(request: ApprovalRequest) -> Iterator[Problem]:
    if request.expires_at <= request.created_at:
        yield Problem("A108", "the approval would expire before it is asked")
