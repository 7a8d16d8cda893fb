"""The one function that fetches: no redirect, bounded in time and size."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stanch.errors import DependencyError
from stanch.intake import fetching
from stanch.intake.fetching import fetch


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path[1:4])
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/200/elsewhere")
        self.end_headers()
        size = 100 * 1024 if "long" in self.path else 20
        if "slow" in self.path:
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        self.wfile.write(b"x" * size)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("path", "found"), [("/200", b"x" * 20), ("/302", b""), ("/404", b""), ("/200/long", b"")])
def test_only_a_short_200_is_taken_and_no_redirect_followed(url: str, path: str, found: bytes) -> None:
    assert fetch(url + path) == found


def test_a_broken_slow_or_missing_server_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    for address in (f"{url}/503", f"{url}/200/slow", "http://127.0.0.1:9/"):
        started = time.monotonic()
        with pytest.raises(DependencyError) as caught:
            fetch(address)
        assert caught.value.code == "D017"
        assert time.monotonic() - started < 2
