"""A web service's Slack side by itself: a stand-in for Slack, records of its own, and no Temporal behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from web_support import Ports, fixed_policy

from activities.slack import CONNECTOR
from stanch.keys import Keys
from stanch.records import Records
from stanch.sandbox._slack.workspace import App
from stanch.sandbox.slack import Person, SlackStandin
from stanch.settings import Settings
from stanch.slack.signing import Button, Interaction, Verdict, button_token
from stanch.web import refusals
from stanch.web.app import Services

APP = App(token="xoxb-1", signing_secret="s", team_id="T0HOME", app_token="xapp-1", enterprise_id="E0ORG")
GRID = Person("U01TOM", "Tom", team_id="T0SISTER", enterprise_id="E0ORG", teams=("T0SISTER", "T0HOME"))


class Away:
    """A Temporal client whose server is not there."""

    def get_workflow_handle(self, _case_id: str) -> Away:
        return self

    async def _lost(self, *_given: Any, **_more: Any) -> None:
        await asyncio.sleep(60)

    execute_update = signal = query = _lost


@contextmanager
def workspace() -> Iterator[SlackStandin]:
    with SlackStandin(app=APP, people=[Person("U01MARIA", "Maria"), GRID]) as made:
        made.workspace.groups["S0PM"] = ("U01TOM",)
        yield made


@contextmanager
def desk(slack: SlackStandin, tmp_path: Path) -> Iterator[Callable[..., Services]]:
    opened: list[Records] = []

    def build(**more: Any) -> Services:
        given = {"token": APP.token, "team_id": APP.team_id, "base_url": slack.url + "/api/", "signing_secrets": ["s"]}
        given |= more
        settings = Settings(data_dir=tmp_path, chat={"slack": {"kind": "slack", **given}})
        keys = Keys(settings)
        opened.append(Records(settings.url_of_records, keys.ledger))
        return Services(
            settings=settings,
            records=opened[-1],
            policy=fixed_policy(),
            keys=keys,
            client=Away(),  # type: ignore[arg-type]
            registry=Ports(chat_port=CONNECTOR.build("slack", given)),
        )

    refusals._told.clear()
    yield build
    for records in opened:
        records.close()


def click(services: Services, *, user: str = "U01MARIA", verdict: Verdict = Verdict.APPROVE) -> Interaction:
    end = datetime.now(UTC) + timedelta(hours=1)
    button = Button(approval_id="a", verdict=verdict, case_id="case-1", expires_at=end, digest="0" * 64)
    return Interaction(
        kind="block_actions",
        user_id=user,
        team_id="T0HOME",
        enterprise_id="E0ORG",
        user_team_id="T0HOME",
        api_app_id="A0",
        action_id=f"stanch.{verdict.value}",
        value=button_token(button, key_id="1", secret=services.keys.buttons),
        channel="D01MARIA",
        message_ts="1.1",
        action_ts="2.2",
        trigger_id="1.2.a",
    )
