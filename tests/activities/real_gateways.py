"""Real nginx with ModSecurity and real Caddy in front of the shop API, and a bench for each point that runs here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from edge import HOST, lease, make_edge, targets

from activities import caddy, kong, nginx
from stanch.leases import BlockSpec
from stanch.ports import Reconciled
from stanch.sandbox import _leash
from stanch.sandbox._kong_traffic import KongTraffic
from stanch.sandbox.api import ShopApi
from stanch.sandbox.envoy import _free_port
from stanch.sandbox.issuer import Issuer
from stanch.sandbox.kong import KongStandin

SECRET = "an edge secret of some length"
MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
HAS_NGINX = shutil.which("nginx") is not None and MODULE.exists()
needs_nginx = pytest.mark.skipif(
    not HAS_NGINX, reason="needs Debian's nginx and libnginx-mod-http-modsecurity (.ci/run installs them)"
)
needs_caddy = pytest.mark.skipif(shutil.which("caddy") is None, reason="needs Debian's caddy (.ci/run installs it)")
NEEDS = {"nginx": [needs_nginx], "caddy": [needs_caddy]}  # the others come with the test requirements

_NGINX = """
load_module {module};
daemon off;
{user}
pid {directory}/nginx.pid;
error_log {directory}/error.log error;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {directory}/tmp/a; proxy_temp_path {directory}/tmp/b; fastcgi_temp_path {directory}/tmp/c;
  uwsgi_temp_path {directory}/tmp/d; scgi_temp_path {directory}/tmp/e;
  log_format stanch escape=json '{{"time":"$time_iso8601","method":"$request_method","host":"$host","path":"$uri",'
    '"status":$status,"client":"$remote_addr","agent":"$http_user_agent","id":"$request_id"}}';
  access_log {directory}/access.jsonl stanch;
  set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; real_ip_recursive on;
  server {{
    listen 127.0.0.1:{port} default_server;
    listen 127.0.0.1:{h2} http2;
    server_name api.example.com *.example.com;
    if ($request ~ "^\\S+ +[A-Za-z][A-Za-z0-9+.-]*://") {{ return 400; }}
    modsecurity on;
    modsecurity_transaction_id $request_id;
    modsecurity_rules 'SecRuleEngine On';
    modsecurity_rules_file {directory}/stanch/rules.conf;
    location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_set_header Host $http_host; }}
  }}
}}
"""


@dataclass
class Bench:
    """A point with its running gateway.

    Args:
        trusted: whether the gateway takes the client's address from `x-forwarded-for` of a trusted proxy.
        directory: files of the gateway.
        section: the point's section of stanch.toml.
    """

    name: str
    point: Any
    url: str
    api: ShopApi
    issuer: Issuer
    trusted: bool
    directory: Path
    section: dict[str, Any]
    h2_port: int = 0
    admin: Any = None
    tokens: dict[str, str] = field(default_factory=dict)

    def put(self, *specs: BlockSpec, **options: Any) -> Reconciled:
        """Make these blocks the only ones."""
        wanted = [lease(spec, **options) for spec in specs]
        others = targets(self.point.list_owned()) - {one.target for one in wanted}
        done: Reconciled = self.point.reconcile(adds=[], removes=sorted(others), wanted=wanted, expected="")
        assert all(applied.ok for applied in done.results), done.results
        return done

    def send(
        self,
        path: str,
        *,
        sub: str = "",
        method: str = "GET",
        host: str = HOST,
        headers: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Status of one request, whose path goes out exactly as given; `sub` sends that user's token."""
        fields = [("host", host), *headers]
        if sub:
            token = self.tokens.setdefault(sub, "") or self.issuer.mint(sub)
            self.tokens[sub] = token
            fields.append(("authorization", f"Bearer {token}"))
        with httpx.Client(trust_env=False, verify=False) as client:
            request = client.build_request(method, self.url, headers=fields)
            request.extensions["target"] = path.encode("latin-1")
            return client.send(request).status_code

    def served(self) -> int:
        """Requests that have reached the API so far."""
        return self.api.reached()


@contextmanager
def running(command: Sequence[str], *, ready: Any, log: Path) -> Iterator[None]:
    """A server on a leash: it ends with us."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", _leash.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={
                **os.environ,
                "HOME": str(log.parent),
                "XDG_DATA_HOME": str(log.parent),
                "XDG_CONFIG_HOME": str(log.parent),
            },
        )
        try:
            deadline = time.monotonic() + 20
            while not ready():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(15)


def answers(url: str, **options: Any) -> bool:
    try:
        httpx.get(url, timeout=1.0, trust_env=False, **options)
    except httpx.HTTPError:
        return False
    return True


@contextmanager
def nginx_bench(directory: Path, api: ShopApi, issuer: Issuer, **changes: Any) -> Iterator[Bench]:
    port, h2 = _free_port(), _free_port()
    (directory / "tmp").mkdir(parents=True)
    (directory / "stanch").mkdir()
    rules = directory / "stanch" / "rules.conf"
    rules.touch()
    conf = directory / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    conf.write_text(_NGINX.format(module=MODULE, directory=directory, port=port, h2=h2, origin=api.port, user=user))
    command = ("nginx", "-p", str(directory), "-c", str(conf), "-e", str(directory / "error.log"))
    url = f"http://127.0.0.1:{port}"
    section = {
        "kind": "nginx",
        "file": str(rules),
        "error_log": str(directory / "error.log"),
        "access_log": str(directory / "access.jsonl"),
        "test": [*command, "-t"],
        "pid_file": str(directory / "nginx.pid"),
        "base_url": url,
        "calm": 0.3,
        "hosts": ["*.example.com"],
        "canary_secret": SECRET,
        **changes,
    }
    with running(command, ready=lambda: answers(url), log=directory / "run.log"):
        yield Bench("nginx", nginx.build("edge", section), url, api, issuer, True, directory, section, h2)


@contextmanager
def envoy_bench(directory: Path, api: ShopApi, issuer: Issuer) -> Iterator[Bench]:
    made = make_edge(directory, api, issuer, trusted_hops=1)
    with made.gateway:
        port = made.gateway.layout.port
        yield Bench("envoy", made.point, made.gateway.url, api, issuer, True, directory, made.section(), port)


@contextmanager
def caddy_bench(directory: Path, api: ShopApi, issuer: Issuer, **changes: Any) -> Iterator[Bench]:
    port = _free_port()
    sockets = Path(tempfile.mkdtemp(prefix="caddy"))  # a socket's path may have 107 characters only
    log = directory / "access.jsonl"
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{api.port}"}]}
    server = {
        "listen": [f"127.0.0.1:{port}"],
        "protocols": ["h1", "h2c"],
        "logs": {},
        "automatic_https": {"disable": True},
        "routes": [{"handle": [proxy], "group": "customer"}],
    }
    document = {
        "admin": {"listen": f"unix/{sockets}/admin.sock"},
        "logging": {
            "logs": {
                "default": {"exclude": ["http.log.access"]},
                "requests": {
                    "writer": {"output": "file", "filename": str(log), "roll": False},
                    "include": ["http.log.access"],
                },
            }
        },
        "apps": {"http": {"servers": {"srv0": server}}},
    }
    conf = directory / "caddy.json"
    conf.write_text(json.dumps(document))
    url = f"http://127.0.0.1:{port}"
    section = {
        "kind": "caddy",
        "admin": f"unix/{sockets}/admin.sock",
        "access_log": str(log),
        "base_url": url,
        "hosts": ["*.example.com"],
        "canary_secret": SECRET,
        **changes,
    }
    try:
        command = ("caddy", "run", "--config", str(conf))
        with running(command, ready=lambda: answers(url), log=directory / "run.log"):
            yield Bench("caddy", caddy.build("edge", section), url, api, issuer, False, directory, section, port)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


@contextmanager
def kong_bench(directory: Path, api: ShopApi, issuer: Issuer, **changes: Any) -> Iterator[Bench]:
    """No real Kong: a stand-in of its Admin API, and one of what its router does with requests."""
    log = directory / "kong.jsonl"
    with KongStandin() as admin:
        assert isinstance(admin, KongStandin)
        with KongTraffic(admin, origin=api.url, log=log) as traffic:
            section = {
                **admin.section(),
                "access_log": str(log),
                "base_url": traffic.url,
                "hosts": ["*.example.com"],
                "canary_secret": SECRET,
                **changes,
            }
            point = kong.build("edge", section)
            yield Bench("kong", point, traffic.url, api, issuer, True, directory, section, admin=admin)


BENCHES = {"kong": kong_bench, "caddy": caddy_bench, "envoy": envoy_bench, "nginx": nginx_bench}


@contextmanager
def shop() -> Iterator[tuple[ShopApi, Issuer]]:
    issuer = Issuer()
    with ExitStack() as stack:
        api = stack.enter_context(ShopApi(issuer=issuer))
        assert isinstance(api, ShopApi)
        yield api, issuer
