"""Signing in again at the console: a proof of one person in one session, young enough, or no decision alone."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from web_support import Ports, fixed_policy

from stanch.keys import Keys
from stanch.records import Records
from stanch.settings import Settings
from stanch.web import sessions
from stanch.web.app import Services, create_app
from stanch.web.console import cases
from stanch.web.decisions import Answer, Ballot, Fate

BACK = "/cases/case-1"


class Desk:
    """A browser, and what its answers were sent to the case as."""

    def __init__(self, http: httpx.AsyncClient, token: str, cast: list[Ballot]) -> None:
        self.http, self.token, self.cast = http, token, cast

    async def form(self, path: str, page: str = "/who", **fields: str) -> httpx.Response:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', (await self.http.get(page)).text)
        return await self.http.post(path, data={"csrf": found[1] if found else "", **fields})

    async def sign_in(self, who: str = "user:maria") -> None:
        await self.http.post("/login", data={"token": self.token})
        await self.form("/who", principal=who)

    async def answer(self, **more: str) -> tuple[bool, str]:
        """Whether an answer counts as given after signing in again, and where the person is led."""
        led = await self.form(f"{BACK}/decide", verdict="approve", approval_id="a", digest="d", **more)
        return self.cast[-1].step_up, led.headers["location"]


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    settings = Settings(data_dir=tmp_path)
    keys, cast = Keys(settings), list[Ballot]()
    records = Records(settings.url_of_records, keys.ledger)
    client: Any = None
    services = Services(
        settings=settings, records=records, policy=fixed_policy(), keys=keys, client=client, registry=Ports()
    )

    async def alone(_services: Services, ballot: Ballot, *, principal: str) -> Answer:
        """The case of a sole approver."""
        assert principal
        cast.append(ballot)
        fine = Answer(Fate.COUNTED, "A000", "recorded")
        return fine if ballot.step_up else Answer(Fate.REFUSED, "A010", "sign in again")

    monkeypatch.setattr(cases, "cast", alone)
    transport = httpx.ASGITransport(app=create_app(services), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as http:
        yield Desk(http, services.api_token, cast)
    records.close()


def later(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    now = time.time()

    class Clock:
        @staticmethod
        def time() -> float:
            return now + 60 * minutes

    monkeypatch.setattr(sessions, "time", Clock)


async def test_a_login_is_a_proof_for_some_minutes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.sign_in()
    assert await desk.answer() == (True, BACK)
    later(monkeypatch, 4.9)
    assert await desk.answer() == (True, BACK)
    later(monkeypatch, 5.1)
    assert await desk.answer() == (False, f"/step-up?next={BACK}")


async def test_signing_in_again_counts_and_ends_the_session_before(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.sign_in()
    later(monkeypatch, 10)
    before = desk.http.cookies["stanch_session"]
    wrong = await desk.form("/step-up", "/step-up", token="wrong", next=BACK)
    assert wrong.status_code == 401
    assert (await desk.answer())[0] is False
    led = await desk.form("/step-up", "/step-up", token=desk.token, next=BACK)
    assert led.headers["location"] == BACK
    assert (await desk.answer())[0] is True
    desk.http.cookies.clear()
    answer = await desk.http.get("/who", headers={"cookie": f"stanch_session={before}"})
    assert answer.status_code == 303


async def test_a_proof_speaks_for_one_person(desk: Desk) -> None:
    await desk.sign_in()
    await desk.form("/who", principal="user:tom")
    assert (await desk.answer())[0] is False


async def test_the_token_beside_the_answer_counts_for_that_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.sign_in()
    later(monkeypatch, 10)
    assert (await desk.answer(token=desk.token))[0] is True
    assert (await desk.answer())[0] is False


async def test_a_foreign_form_and_a_foreign_machine_prove_nothing(desk: Desk) -> None:
    await desk.sign_in()
    assert (await desk.http.post("/step-up", data={"token": desk.token})).status_code == 403
    led = await desk.form("/step-up", "/step-up", token=desk.token, next="//evil.example/x")
    assert led.headers["location"] == "/"


def test_old_and_changed_cookies_are_no_proof() -> None:
    session = sessions.Session("id", "user:maria", 2**40, proven=5)
    value = sessions.write_session(session, b"key")
    assert sessions.read_session(value, b"key") == session
    assert sessions.read_session(value, b"other") is None
