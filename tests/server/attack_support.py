"""A whole Stanch to be attacked: signed clicks, a directory that changes, and protections that can be switched off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import web_support
from web_support import Edge, FakeChat, FixedPolicy, Rules, eventually, finding, fixed_policy

from activities._slack.cards import Card, card
from stanch.approvals import Outcome
from stanch.contract import CASE_WORKFLOW, REPORT, CaseInput, FindingReport, queue
from stanch.leases import LeaseState
from stanch.ports import Message
from stanch.routing import load_routes
from stanch.sinks.slack_look import look_of
from stanch.slack.signing import Button, Verdict, button_token, sign
from stanch.views import ApiView, FindingView

SIGNING = "a-signing-secret-of-slack"
SLACK = {"kind": "slack", "signing_secrets": [SIGNING], "team_id": "T0HOME"}
PEOPLE = ("U01MARIA", "U01TOM", "U01LEA", "U01EVE", "U01REQ")
ROUTES = web_support.ROUTES.replace(
    "    user:gone:",
    "    user:lea: {name: Lea P., slack: U01LEA}\n    user:eve: {name: Eve, slack: U01EVE}\n"
    "    user:req: {name: Req, slack: U01REQ}\n    user:gone:",
)
LINES = {
    "one": "[{from: [team:shop], count: 1}]",
    "pair": "[{from: [user:maria]}, {from: [team:shop]}]",
    "shell": "[{from: [user:maria]}]",
}


LINES |= dict.fromkeys(("words", "short"), LINES["one"])
CHANGED = {"words": ('ask: "Block', 'ask: "${{ finding.title }}: block'), "short": ("expires: 4h", "expires: 8s")}


def playbook(name: str, need: str) -> str:
    """The shared playbook, for one path and with its own approvers, words and end."""
    text = web_support.PLAYBOOK.replace("id: hold_endpoint", f"id: hold_{name}")
    text = text.replace("path: /**", f"path: /{name}/**")
    return text.replace("[{from: [user:maria], count: 1}]", need).replace(*CHANGED.get(name, ("", "")))


class Workspace(FakeChat):
    """A Slack that brings messages back with clicks."""

    def look(self, message: Message) -> str:
        return look_of(card(message).blocks)


class Target(Edge):
    """The deployment under attack."""

    clicks = 0

    def _settings(self) -> Any:
        settings = super()._settings()
        (self.folder / "policy" / "routes.yaml").write_text(ROUTES, encoding="utf-8")
        (self.folder / "playbooks" / "hold_endpoint.yaml").unlink()
        for name, need in LINES.items():
            text = playbook(name, need)
            (self.folder / "playbooks" / f"hold_{name}.yaml").write_text(text, encoding="utf-8")
        return settings

    async def _start_workers(self) -> list[Any]:
        self._running: list[Any] = getattr(self, "_running", [])
        self._running[:] = await super()._start_workers()
        return self._running

    def stop_workers(self) -> None:
        """As a deployment does: nothing is left to take what comes."""

        async def stop(_client: Any) -> None:
            for one in self._running:
                await one.shutdown()

        self.in_loop(stop)

    def start_workers(self) -> None:
        async def start(_client: Any) -> None:
            await self._start_workers()

        self.in_loop(start)

    @property
    def workspace(self) -> Workspace:
        found = self.ports.chat_port
        assert isinstance(found, Workspace)
        return found

    def rendered(self, request: Mapping[str, Any]) -> Card:
        """The card of a request as it goes to Slack."""
        return card(next(one for one in self.workspace.posted if one.key == request["approval_id"]))

    def history(self, case_id: str) -> str:
        """All that Temporal keeps of a case, what is still being tried included."""

        async def look(client: Any) -> str:
            handle = client.get_workflow_handle(case_id)
            found, known = await handle.fetch_history(), await handle.describe()
            return found.to_json() + str(known.raw_description)

        return str(self.in_loop(look))

    @contextmanager
    def directory(self, *changes: str) -> Iterator[None]:
        """The ownership file as the edge has it, changed for a while: what it says and what it is to say, in turn."""
        before, routes = self.services.policy, ROUTES
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in routes
            routes = routes.replace(old, new)
        known = fixed_policy().current
        self.services.policy = FixedPolicy(Rules(known.sources, load_routes(routes), known.inventory))
        try:
            yield
        finally:
            self.services.policy = before

    def ask(self, name: str, kind: str = "one", *, requested_by: str = "", **said: str) -> dict[str, Any]:
        """An open request of a fresh case."""
        if requested_by:
            return self._asked_for(name, kind, requested_by)
        report = finding(uid=name, api={"host": "shop.example.com", "method": "GET", "path": f"/{kind}/{name}"}, **said)
        case_id = self.send(report, delivery_id=name).json()["results"][0]["case_id"]
        return self.request(case_id)

    def _asked_for(self, name: str, kind: str, requested_by: str) -> dict[str, Any]:
        api = ApiView(host="shop.example.com", path=f"/{kind}/{name}", path_template=f"/{kind}/{name}", method="GET")
        view = FindingView(id=name, title="Own run", source="own", severity="high", category="API3:2023", api=api)
        report = FindingReport(delivery_id=name, source="own", finding=view, requested_by=requested_by)

        async def start(client: Any) -> None:
            await client.start_workflow(
                CASE_WORKFLOW,
                CaseInput(case_id=f"case-{name}"),
                id=f"case-{name}",
                task_queue=queue("core"),
                start_signal=REPORT,
                start_signal_args=[report],
            )

        self.in_loop(start)
        return self.request(f"case-{name}")

    def request(self, case_id: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.case(case_id)
            is_shown = found.get("approvals") and self.records.approval(found["approvals"][0]["request"]["approval_id"])
            return found["approvals"][0]["request"] if is_shown else None

        return eventually(look)

    def token(self, request: Mapping[str, Any], verdict: Verdict = Verdict.APPROVE, **more: Any) -> str:
        given = {
            "approval_id": request["approval_id"],
            "verdict": verdict,
            "case_id": request["case_id"],
            "expires_at": datetime.now(UTC) + timedelta(hours=1),
            "digest": request["digest"],
        }
        secret = more.pop("secret", self.keys.buttons)
        return button_token(Button(**(given | more)), key_id="1", secret=secret)

    def press(
        self,
        value: str,
        *,
        user: str = "U01MARIA",
        message: dict[str, Any] | None = None,
        fleeting: bool = False,
        **how: str,
    ) -> httpx.Response:
        """A signed click; each is another click unless `ts` says otherwise."""
        type(self).clicks += 1
        payload = {
            "type": "block_actions",
            "user": {"id": user, "team_id": "T0HOME"},
            "team": {"id": how.get("team", "T0HOME")},
            "message": message,
            "api_app_id": "A0STANCH",
            "trigger_id": "1.2.a",
            "channel": {"id": "C0SHOP"},
            "container": {
                "type": "message",
                "message_ts": "1700000000.000100",
                "channel_id": "C0SHOP",
                "is_ephemeral": fleeting,
            },
            "actions": [
                {
                    "type": "button",
                    "action_id": how.get("action", "stanch.approve"),
                    "value": value,
                    "action_ts": how.get("ts", f"1700.{self.clicks}"),
                }
            ],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        stamp = how.get("stamp", str(int(time.time())))
        headers = {
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": sign(body, timestamp=stamp, secret=how.get("secret", SIGNING)),
            "content-type": "application/x-www-form-urlencoded",
        }
        return self.http.post("/v1/slack/interactions", content=body, headers=headers)

    def decide(self, request: Mapping[str, Any], *, by: str, **more: str) -> httpx.Response:
        """The same by the API."""
        body = {name: request[name] for name in ("approval_id", "digest")} | {"verdict": "approve"} | more
        return self.http.post(f"/v1/cases/{request['case_id']}/decisions", json=body, headers=self.api(by=by))

    def votes(self, request: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Accepted votes of a request as the ledger has them."""
        lines = self.records.timeline(str(request["case_id"]))
        return [
            (str(line.data["principal"]), str(line.data["verdict"]))
            for line in lines
            if line.event == "approval.vote" and line.data["accepted"]
        ]

    def is_approved(self, request: Mapping[str, Any]) -> bool:
        """Whether the block came to stand: the effect, not what anybody was told.

        Those who may decide say no, the way that every vote takes. Where that ends the request, nothing before has
        ended it, and nothing can any more; where it comes too late, the block soon stands or its step has failed.
        """
        for person in ("user:tom", "user:maria"):
            self.decide(request, by=person, verdict="deny", reason="the end of the test")
        approval_id = str(request["approval_id"])
        settled = eventually(lambda: (found := self.records.approval(approval_id)) and found.settled)
        if settled.outcome is not Outcome.APPROVED:
            return False
        return eventually(lambda: self._end_of_block(str(request["case_id"]))) == "held"

    def _end_of_block(self, case_id: str) -> str:
        """`held`, how its step ended without, or nothing yet."""
        if any(row.state is LeaseState.HELD for row in self.records.leases(case_id=case_id)):
            return "held"
        ends = (line.event for line in self.records.timeline(case_id) if line.step == "block")
        return next((event for event in ends if event in ("step.failed", "step.skipped")), "")

    def has_ended(self, case_id: str, activity: str) -> bool:
        """Whether an activity of a case has ended, for good or for bad, and the case has looked at that."""

        async def look(client: Any) -> bool:
            events = (await client.get_workflow_handle(case_id).fetch_history()).events
            scheduled = [one for one in events if one.activity_task_scheduled_event_attributes.activity_type.name]
            begun = {one.event_id for one in scheduled if _name_of(one) == activity}
            ended = [one.event_id for one in events if begun & {_ended(one)}]
            seen = [one.event_id for one in events if one.HasField("workflow_task_completed_event_attributes")]
            return bool(ended) and max(seen) > max(ended)

        return bool(self.in_loop(look))

    def still_asks(self, request: Mapping[str, Any]) -> bool:
        """Whether the case has taken no vote at all."""
        found = self.case(str(request["case_id"]))["approvals"]
        return bool(found) and found[0]["votes"] == []

    def events(self, case_id: str) -> int:
        async def count(client: Any) -> int:
            return len((await client.get_workflow_handle(case_id).fetch_history()).events)

        return int(self.in_loop(count))


def _name_of(event: Any) -> str:
    return str(event.activity_task_scheduled_event_attributes.activity_type.name)


def _ended(event: Any) -> int:
    """The event with which the activity began that has ended by this one; 0 for every other event."""
    ways = ("completed", "failed", "timed_out")
    ends = (getattr(event, f"activity_task_{way}_event_attributes") for way in ways)
    return max(int(end.scheduled_event_id) for end in ends)


def card_of(target: Target, request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The blocks of a request's card, and what its first button holds."""
    eventually(lambda: any(one.key == request["approval_id"] for one in target.workspace.posted))
    blocks = target.rendered(request).blocks
    return blocks, next(str(block["elements"][0]["value"]) for block in blocks if block["type"] == "actions")


BLIND = SimpleNamespace(new=__import__("hmac").new, compare_digest=lambda *_: True)


def switch(patch: pytest.MonkeyPatch, value: Any, *places: str) -> None:
    """Put something harmless in the place of a protection, which must be at one of these places."""
    done = 0
    for place in places:
        module, _, name = place.rpartition(".")
        try:
            home = import_module(module)
        except ModuleNotFoundError:
            continue
        if hasattr(home, name):
            patch.setattr(home, name, value)
            done += 1
    assert done, f"no protection at {places}"


@contextmanager
def attacked(folder: Path, address: str, *, with_worker: bool = True) -> Iterator[Target]:
    slack = (Workspace(*PEOPLE), dict(SLACK))
    with Target(folder, address, with_worker=with_worker, chat=slack) as made, made.directory():
        yield made
