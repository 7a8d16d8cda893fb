"""A forger in a workspace: seeded clicks, genuine and not, on the cards of many cases, while workers come and go."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from attack_support import Target
from forge_judge import GENUINE, Ledgers
from web_support import MemoryPoint, eventually

from activities.slack import CONNECTOR
from stanch.leases import BlockSpec
from stanch.sandbox.slack import App, Channel, Forgery, Person, SlackStandin

APP = App(token="xoxb-1", signing_secret="a-signing-secret-of-slack", team_id="T0HOME")
PRINCIPALS = {"U01MARIA": "user:maria", "U01TOM": "user:tom", "U01EVE": "user:eve", "U01GUEST": "nobody"}
PEOPLE = [Person(name, name, is_guest=name == "U01GUEST") for name in PRINCIPALS]
MAY = ("U01MARIA", "U01TOM")
ACTS = (*Forgery, "outsider", "guest", "stale", "own_key", "edited", "other_case")


class LedgerPoint(MemoryPoint):
    """A vendor that writes down what it was told to hold, and when it let go."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: list[dict[str, Any]] = []

    def reconcile(self, **given: Any) -> Any:
        before = dict(self.held)
        done = super().reconcile(**given)
        for target, lease in self.held.items():
            if before.get(target) != lease:
                path = lease.spec.path if isinstance(lease.spec, BlockSpec) else ""
                self.ledger.append({"event": "put", "case": lease.case_id, "lease": lease.lease_id, "path": path})
        gone = [lease for target, lease in before.items() if target not in self.held]
        self.ledger += [{"event": "removed", "case": one.case_id, "lease": one.lease_id, "path": ""} for one in gone]
        return done


class Battlefield(Target):
    """A deployment with a real line of HTTP from a stand-in for Slack."""

    slack: SlackStandin

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.point = LedgerPoint()


class Forger:
    """Presses what people mean, and what they do not.

    Args:
        seed: the same seed does the same in the same order.
    """

    def __init__(self, field: Battlefield, *, seed: int, cases: int) -> None:
        self.field, self.random = field, Random(seed)
        self.clicks: list[dict[str, Any]] = []
        self.requests = [field.ask(f"battle-{seed}-{number}") for number in range(cases)]
        self.cards = {request["case_id"]: self._card(request["case_id"]) for request in self.requests}

    def _card(self, case_id: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            cards = self.field.slack.workspace.history("D01MARIA")
            return next((card for card in cards if card["metadata"]["event_payload"]["case_id"] == case_id), None)

        return copy.deepcopy(eventually(look))

    def fight(self) -> None:
        """Hostile and honest deeds in one order; for a while in the middle there is no worker."""
        deeds = [(request, act) for request in self.requests for act in self.random.sample(ACTS, 2)]
        ends = [(request, self.random.choice(("approve", "deny", "twice", "race", ""))) for request in self.requests]
        deeds += [(request, f"end {how}") for request, how in ends if how]
        self.random.shuffle(deeds)
        for number, (request, act) in enumerate(deeds):
            if number == len(deeds) // 3:
                self.field.stop_workers()
            if number == len(deeds) // 3 + 4:
                self.field.start_workers()
            self._do(request, act)

    def _do(self, request: dict[str, Any], act: str) -> None:
        if act.startswith("end "):
            self._decide(request, act[4:])
        elif act in set(Forgery):
            if act != Forgery.REPLAY or self.clicks:
                self._press(request, "approve", who=MAY[0], kind=act, forgery=Forgery(act))
        elif act in ("outsider", "guest"):
            self._press(request, "approve", who="U01EVE" if act == "outsider" else "U01GUEST", kind=act)
        else:
            self._press(request, "approve", who=self.random.choice(MAY), kind=act, change=getattr(self, f"_{act}"))

    def _decide(self, request: dict[str, Any], how: str) -> None:
        people = self.random.sample(MAY, 2)
        ways = {"approve": [(people[0], "approve")], "deny": [(people[0], "deny")]}
        ways |= {"twice": [(people[0], "approve")] * 2, "race": [(people[0], "approve"), (people[1], "deny")]}
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(lambda one: self._press(request, one[1], who=one[0], kind=GENUINE), ways[how]):
                pass

    def _press(
        self,
        request: dict[str, Any],
        verdict: str,
        *,
        who: str,
        kind: str,
        forgery: Forgery | None = None,
        change: Any = None,
    ) -> None:
        """A press on the card as it was sent, or as somebody has changed it."""
        card = copy.deepcopy(self.cards[request["case_id"]])
        if change is not None:
            change(request, card)
        click = {"case": request["case_id"], "who": PRINCIPALS[who], "verdict": verdict, "kind": str(kind)}
        self.clicks.append(click)
        slack = self.field.slack
        with slack.workspace.lock:
            payload = slack.people._click(
                slack.workspace.people[who], message=card, channel="D01MARIA", button=f"stanch.{verdict}"
            )
        status = slack.people.delivery.interaction(payload, forgery=forgery).status
        told = who if forgery is not Forgery.REPLAY else "a copy"
        slack.ledger.append("slack.pressed", {"user": told, "status": status, "kind": str(kind)})

    def _button(self, card: dict[str, Any], value: str) -> None:
        actions = next(block for block in card["blocks"] if block["type"] == "actions")
        for element in actions["elements"]:
            element["value"] = value if element["action_id"] == "stanch.approve" else element["value"]

    def _stale(self, request: dict[str, Any], card: dict[str, Any]) -> None:
        self._button(card, self.field.token(request, digest="0" * 64))

    def _own_key(self, request: dict[str, Any], card: dict[str, Any]) -> None:
        self._button(card, self.field.token(request, secret="a key of the forger's"))

    def _edited(self, _request: dict[str, Any], card: dict[str, Any]) -> None:
        card["blocks"][1]["text"]["text"] = "Send the weekly report?"

    def _other_case(self, request: dict[str, Any], card: dict[str, Any]) -> None:
        """Our own words, above a button of another case."""
        others = [other for other in self.requests if other is not request]
        other = self.cards[self.random.choice(others)["case_id"]]
        actions = next(block for block in other["blocks"] if block["type"] == "actions")
        genuine = next(one["value"] for one in actions["elements"] if one["action_id"] == "stanch.approve")
        self._button(card, genuine)

    def ledgers(self) -> Ledgers:
        point = self.field.point
        assert isinstance(point, LedgerPoint)
        cases = [str(request["case_id"]) for request in self.requests]
        ours = [
            {"case": case, "event": line.event, "data": line.data}
            for case in cases
            for line in self.field.records.timeline(case)
        ]
        vendor = [entry for entry in point.ledger if entry["case"] in cases]
        asked = {str(request["case_id"]): str(request["params"]["path"]) for request in self.requests}
        return Ledgers(self.clicks, self.field.slack.ledger.entries(), vendor, ours, asked)


@contextmanager
def battlefield(folder: Path, address: str) -> Iterator[Battlefield]:
    with SlackStandin(app=APP, people=PEOPLE, channels=[Channel("C0SHOP", "shop")]) as slack:
        given = {"token": APP.token, "team_id": APP.team_id, "base_url": slack.url + "/api/"}
        given |= {"signing_secrets": [APP.signing_secret]}
        chat = (CONNECTOR.build("slack", given), {"kind": "slack", **given})
        with Battlefield(folder, address, with_worker=True, chat=chat) as made, made.directory():
            made.slack = slack
            slack.request_url = made.url + "/v1/slack/interactions"
            slack.workspace.direct_message("U01MARIA")
            yield made
