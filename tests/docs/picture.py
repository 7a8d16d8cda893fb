"""Takes docs/console.png from the running console: `python tests/docs/picture.py [TARGET]`; needs Chromium."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from stanch.sandbox.client import StanchClient
from stanch.sandbox.scenarios import SAMPLES, Scenarios
from stanch.sandbox.stack import Stack

TARGET = Path(__file__).parents[2] / "docs/console.png"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
ARGUMENTS += ["--disable-sync", "--no-first-run"]
WAIT_SECONDS = 40.0


def take(target: Path) -> None:
    """A case that waits for two people, as one of them sees it."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        client = StanchClient(
            stack.web_url, data_dir=stack.data_dir, secret_of=lambda name: stack.estate.secret(f"source_{name}")
        )
        Scenarios(stack, client, lambda _name, _line: None).normal_traffic()
        case = str(client.send("own", (SAMPLES / "semi_own.json").read_bytes())["case_id"])
        _until(lambda: client.state(case) == "approval")
        _until(lambda: any(line["event"] == "ticket.create.outcome" for line in client.timeline(case)))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            _log_in(page, stack.web_url, stack.login_token)
            page.goto(f"{stack.web_url}/cases/{case}")
            page.screenshot(path=target)
            browser.close()
        client.close()


def _log_in(page: Page, url: str, token: str) -> None:
    page.goto(f"{url}/login")
    page.fill("input[name=token]", token)
    page.click("main button")
    page.select_option("select[name=principal]", "user:maria")
    page.click("main button")


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("the case did not get there")
        time.sleep(0.1)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
