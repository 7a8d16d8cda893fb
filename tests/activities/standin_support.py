"""The real Jira client on a stand-in, and what tests tell the control interface."""

from __future__ import annotations

from typing import Any

import httpx
import jira as jira_library
import pytest
from jira_support import TOKEN

from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin

EMPTY = {"type": "doc", "version": 1, "content": []}
FIELDS = {"project": {"key": "MOBP"}, "issuetype": {"name": "Task"}, "summary": "Debug endpoint is public"}


def library(standin: JiraStandin) -> jira_library.JIRA:
    """The real client, without the retries that would double issues."""
    client = jira_library.JIRA(
        standin.url,
        basic_auth=("stanch@example.com", TOKEN),
        options={"rest_api_version": "3"},
        max_retries=0,
        get_server_info=False,
        timeout=0.5,
    )
    client.deploymentType = "Cloud"
    return client


def plan(standin: JiraStandin | ServiceNowStandin, fault: str, operation: str, **more: Any) -> None:
    order = {"fault": fault, "match": {"operation": operation}, **more}
    assert httpx.post(f"{standin.url}/_control/faults", json=order).status_code == 200


def told(standin: JiraStandin | ServiceNowStandin, path: str, **order: Any) -> int:
    return httpx.post(f"{standin.url}/_control/{path}", json=order).status_code


def refused(call: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(jira_library.JIRAError) as caught:
        call()
    answer = caught.value.response
    return answer.status_code, answer.json()
