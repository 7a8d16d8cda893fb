"""A web ACL in front of an API on the loopback: real requests, real answers, and log lines as WAF writes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stanch.sandbox._aws.asked import Asked, Verdict
from stanch.sandbox._aws.log_line import line

Decide = Callable[[Asked], Verdict]


class AwsEdge:
    """Answers 200 to what the web ACL lets through; `log` has a line for each request."""

    def __init__(self, decide: Decide) -> None:
        self.log: list[dict[str, Any]] = []
        edge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                edge._answer(self, decide)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> AwsEdge:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler, decide: Decide) -> None:
        asked = _asked(handler)
        verdict = decide(asked)
        self.log.append(line(asked, verdict))
        blocked = verdict.action == "BLOCK"
        body = b"" if handler.command == "HEAD" else b'{"blocked": true}' if blocked else b'{"ok": true}'
        handler.send_response(verdict.status if blocked else 200)
        for name, value in verdict.headers.items() if blocked else ():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def _asked(handler: BaseHTTPRequestHandler) -> Asked:
    path, _, query = handler.path.encode("latin-1").partition(b"?")
    headers = tuple((name, value.encode("latin-1", "replace")) for name, value in handler.headers.items())
    size = int(handler.headers.get("content-length") or 0)
    return Asked(
        method=handler.command,
        path=path,
        query=query,
        headers=headers,
        body=handler.rfile.read(size) if size else b"",
        peer=str(handler.client_address[0]),
    )
