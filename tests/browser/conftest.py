"""Chromium for tests, and the web service of the server tests; skipped with the reason where there is no Chromium."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from web_support import SECRET, Edge

from stanch.sandbox.temporal import EmbeddedTemporal

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")  # it keeps an event loop running, which no other module's tests could stand
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=90_000)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("browser")
    with (
        pytest.MonkeyPatch.context() as patch,
        EmbeddedTemporal(database=folder / "temporal.db", durable=False) as temporal,
        Edge(folder, temporal.address, with_worker=True) as made,
    ):
        patch.setenv("STANCH_TEST_OWN", SECRET)
        yield made
