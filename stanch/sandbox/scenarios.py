"""The four scenarios as a person would live them: findings go in by webhook, people act in Slack and trackers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from stanch.sandbox.client import StanchClient, wait_until
from stanch.sandbox.stack import Stack

SAMPLES = Path(__file__).parent / "samples"
API = "api.example.com"
MARIA, ANA = "U01MARIA", "U01ANA"
DONE = "verifying"
ATTACKER_TOKEN = "tok-attacker"  # noqa: S105 - the name of a token, not a token

Say = Callable[[str, str], None]


class Scenarios:
    """Plays the scenarios against a running stack.

    Args:
        say: called with (scenario, line) for everything that happens.
    """

    def __init__(self, stack: Stack, client: StanchClient, say: Say) -> None:
        self._stack = stack
        self._estate = stack.estate
        self._client = client
        self._say = say
        self._told: dict[str, int] = {}
        self.cases: dict[str, str] = {}

    # -- traffic ----------------------------------------------------------------------------------------------------

    def get(self, path: str, *, user: str, token_id: str = "", host: str = API) -> int:
        """One real request through the gateway as this user; gives the status."""
        token = self._estate.issuer.mint(user, jti=token_id or f"tok-{user}")
        gateway = self._estate.gateway
        url = gateway.url if gateway is not None else ""
        headers = {"host": host, "authorization": f"Bearer {token}"}
        return httpx.get(url + path, headers=headers, trust_env=False, timeout=10).status_code

    def normal_traffic(self) -> None:
        """Some days' worth of customers in a second, so that an approver sees who uses the endpoint."""
        for number in range(24):
            self.get(f"/users/{1000 + number}", user=f"customer-{number % 5}")
            self.get("/orders", user=f"customer-{number % 7}")

    # -- scenarios --------------------------------------------------------------------------------------------------

    def manual(self) -> bool:
        """A configuration finding under /mobile: ticket, manager, a team in another tracker, proof."""
        case = self._send("manual", "zap", (SAMPLES / "manual_zap.json").read_bytes())
        self._until("manual", "the case waits for a fix", lambda: self._client.state(case) == "waiting")
        number = str(self._case(case).get("ticket_key", ""))
        self._say("manual", f"Maria hands {number} to the mobile platform team, which works in Jira")
        self._estate.servicenow.reassign(number, group="Mobile Platform", by="maria.k")
        self._until("manual", "the ticket moves to Jira", lambda: self._case(case).get("ticket_system") == "jira")
        moved = str(self._case(case).get("ticket_key", ""))
        self._say("manual", f"their developer deploys the fix and resolves {moved}")
        self._mark_fixed(case)
        self._estate.jira.transition(moved, by="tom.b")
        return self._finish("manual", case)

    def semi(self) -> bool:
        """An API gives out too much: two people consent, the endpoint is blocked until the fix is proven."""
        case = self._send("semi", "own", (SAMPLES / "semi_own.json").read_bytes())
        self._until("semi", "people are asked", lambda: self._cards(case, MARIA) and self._cards(case, ANA))
        self._say("semi", f"GET /users/1017 as alice: {self.get('/users/1017', user='alice')}")
        for person, name in ((MARIA, "Maria (product)"), (ANA, "Ana (security)")):
            self._press(case, person, "stanch.approve")
            self._say("semi", f"{name} approves in Slack")
        self._until("semi", "the endpoint is blocked", lambda: self._client.state(case) == "waiting")
        blocked = self.get("/users/1017", user="alice")
        other = self.get("/orders", user="alice")
        self._say("semi", f"proof: GET /users/1017 {blocked}, GET /orders {other}")
        self._say("semi", "the developers deploy the fix and resolve the ticket")
        self._estate.api.fix_exposure()
        self._estate.jira.transition(str(self._case(case).get("ticket_key", "")), by="tom.b")
        ended = self._finish("semi", case)
        lifted = self.get("/users/1017", user="alice")
        self._say("semi", f"proof: GET /users/1017 {lifted} again")
        return ended and (blocked, other, lifted) == (403, 200, 200)

    def auto(self) -> bool:
        """An API without managed rules gets them: counted first, then in force, then proven by the scanner."""
        case = self._send("auto", "own", (SAMPLES / "auto_own.json").read_bytes())
        return self._finish("auto", case)

    def attack(self) -> bool:
        """One token reads everything: it is blocked and revoked within seconds; everybody else goes on."""
        before = self.get("/orders", user="mallory", token_id=ATTACKER_TOKEN)
        body = (SAMPLES / "attack_own.json").read_text(encoding="utf-8").replace("TOKEN", ATTACKER_TOKEN)
        case = self._send("attack", "own", body.encode())
        self._until("attack", "the attacker is contained", lambda: self._client.state(case) == "approval")
        attacker = self.get("/orders", user="mallory", token_id=ATTACKER_TOKEN)
        other = self.get("/orders", user="alice")
        self._say(
            "attack", f"proof: GET /orders as the attacker {before} -> {attacker}, as alice {other}, same address"
        )
        self._until("attack", "the reviewer is asked", lambda: self._cards(case, ANA))
        self._press(case, ANA, "stanch.option.lift")
        self._say("attack", "Ana reviews and lifts the containment")
        ended = self._finish("attack", case)
        lifted = self.get("/orders", user="mallory", token_id=ATTACKER_TOKEN)
        self._say("attack", f"proof: GET /orders as that token {lifted} again")
        return ended and (before, attacker, other, lifted) == (200, 403, 200, 200)

    # -- steps ------------------------------------------------------------------------------------------------------

    def _send(self, name: str, source: str, body: bytes) -> str:
        result = self._client.send(source, body)
        case = str(result["case_id"])
        self.cases[name] = case
        self._say(name, f"finding sent by signed webhook from {source}: {result['status']}, {case}")
        return case

    def _case(self, case: str) -> dict[str, Any]:
        live: dict[str, Any] = self._client.case(case).get("live") or {}
        summary: dict[str, Any] = live.get("summary") or {}
        return summary

    def _until(self, name: str, what: str, true: Callable[[], object]) -> None:
        def look() -> bool:
            self.tell(name)
            return bool(true())

        wait_until(f"{name}: {what}", look)
        self.tell(name)

    def _finish(self, name: str, case: str) -> bool:
        over = (DONE, "needs_person", "closed")
        self._until(name, "the case ends", lambda: self._client.state(case) in over)
        state = self._client.state(case)
        self.tell(name)
        return state == DONE

    def tell(self, name: str) -> None:
        """Say the timeline's new lines."""
        for entry in self._client.timeline(self.cases[name]):
            if entry["seq"] > self._told.get(name, 0):
                self._told[name] = entry["seq"]
                line = narrate(entry)
                if line:
                    self._say(name, line)

    def _mark_fixed(self, case: str) -> None:
        live: dict[str, Any] = self._client.case(case).get("live") or {}
        finding: dict[str, Any] = live.get("finding") or {}
        if self._estate.scanner is not None:
            self._estate.scanner.mark_fixed(str(finding.get("id", "")))

    def _cards(self, case: str, person: str) -> list[dict[str, Any]]:
        """This case's cards with buttons in a person's direct messages."""
        workspace = self._estate.slack.workspace
        channel = workspace.direct_message(person).id
        return [message for message in workspace.history(channel) if case in json.dumps(message) and _asks(message)]

    def _press(self, case: str, person: str, button: str) -> None:
        card = self._cards(case, person)[-1]
        status = self._estate.slack.press(person, button, channel=person, ts=str(card["ts"]))
        if status != 200:
            self._say("slack", f"the button was answered with {status}")


def _asks(message: dict[str, Any]) -> bool:
    return any(block.get("type") == "actions" for block in message.get("blocks", []))


def narrate(entry: dict[str, Any]) -> str:
    """One line of the ledger in words; "" for lines that only experts need."""
    event, step = str(entry["event"]), entry.get("step", "")
    data: dict[str, Any] = entry.get("data") or {}
    if event == "case.routed":
        return f"routed to {data.get('owner')} by rule {data.get('rule')}"
    if event == "approval.vote":
        return f"vote on {step}: {data.get('principal')} {data.get('verdict')}"
    if event in ("ticket.resolved", "ticket.reassigned", "finding.rescan_clean", "finding.rescanned"):
        return event.replace(".", " ").replace("_", " ") + (f" to {data['to']}" if data.get("to") else "")
    if event == "case.status":
        return f"case is {data.get('status')}"
    if event.endswith(".outcome"):
        return _outcome(event.removesuffix(".outcome"), str(step), data)
    return f"{step} failed: {data.get('reason')}" if event == "step.failed" else ""


def _outcome(action: str, step: str, data: dict[str, Any]) -> str:
    shown = ("key", "channel", "sha256", "attachment_id", "mode", "clean", "policy", "requests", "revoked")
    facts = ", ".join(f"{name} {str(data[name])[:60]}" for name in shown if data.get(name) not in (None, ""))
    failed = f" {data['outcome']}: {data.get('reason', '')}" if data.get("outcome") != "CONFIRMED" else ""
    return f"{step}: {action}{failed}" + (f" ({facts})" if facts else "")
