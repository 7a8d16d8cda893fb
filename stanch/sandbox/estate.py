"""Everything around Stanch that a demo or a test needs: trackers, chat, cloud, identity, and an API behind Envoy."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stanch.sandbox._toml import to_toml
from stanch.sandbox.api import ShopApi
from stanch.sandbox.aws import AwsStandin
from stanch.sandbox.envoy import EnvoyGateway
from stanch.sandbox.issuer import Issuer
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.scanner import Scanner
from stanch.sandbox.servicenow import ServiceNowStandin
from stanch.sandbox.slack import SANDBOX_APP, Channel, Person, SlackStandin

HOST = "api.example.com"
HOSTS = ("*.example.com",)
QUICK = MappingProxyType({"timeout": 4.0, "connect_timeout": 1.0, "settle": 1.0, "poll": 0.2})
SOURCES = ("own", "wallarm", "zap", "noname", "ocsf", "guardduty")
PEOPLE = MappingProxyType(
    {"U01MARIA": "Maria K.", "U01TOM": "Tom B.", "U01ANA": "Ana S.", "U09OUTSIDER": "Olaf (no role)"}
)
CHANNELS = MappingProxyType(
    {"C0MOBPROD": "mobile-product", "C0MOBPLAT": "mobile-platform", "C0PAY": "payments"}
    | {"C0APPSEC": "appsec", "C0DEVOPS": "devops"}
)


class Estate:
    """The stand-ins of one sandbox, started and stopped together.

    Args:
        folder: ledgers, secrets, Envoy's files and stanch.toml go here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets: dict[str, str] = {}
        self.issuer = Issuer()
        ledgers = folder / "ledgers"
        ledgers.mkdir(parents=True, exist_ok=True)
        self.jira = JiraStandin(ledger=ledgers / "jira.jsonl", webhook_secret=self.secret("jira_webhook"))
        self.servicenow = ServiceNowStandin(
            ledger=ledgers / "servicenow.jsonl", callback_secret=self.secret("servicenow_callback", prefix="whsec_")
        )
        self.slack = SlackStandin(
            ledger=ledgers / "slack.jsonl",
            people=[Person(id=key, name=name) for key, name in PEOPLE.items()],
            channels=[Channel(id=key, name=name) for key, name in CHANNELS.items()],
        )
        self.aws = AwsStandin(ledger=ledgers / "aws.jsonl")
        self.api = ShopApi(issuer=self.issuer, ledger=ledgers / "api.jsonl")
        self.gateway: EnvoyGateway | None = None
        self.scanner: Scanner | None = None
        self.seeded: Any = None

    def secret(self, name: str, *, prefix: str = "") -> str:
        """A random secret of this sandbox, kept in a file of its own for `secret://file/` and for the next start."""
        if name not in self.secrets:
            path = self._secret_path(name)
            kept = path.read_text(encoding="utf-8") if path.is_file() else ""
            self._keep(name, kept or prefix + base64.b64encode(secrets.token_bytes(24)).decode())
        return self.secrets[name]

    def _keep(self, name: str, value: str) -> None:
        path = self._secret_path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(value, encoding="utf-8")
        path.chmod(0o600)
        self.secrets[name] = value

    def _secret_path(self, name: str) -> Path:
        return (self.folder / "secrets" / name).absolute()

    def reference(self, name: str) -> str:
        """How settings name a secret of this sandbox."""
        return f"secret://file/{self._secret_path(name)}"

    def start(self) -> None:
        """Start all of it; each answers when this returns."""
        for standin in (self.jira, self.servicenow, self.slack, self.aws, self.api):
            standin.start()
        self.seeded = self.aws.seed(HOST)
        self.gateway = EnvoyGateway(directory=self.folder / "envoy", origin_port=self.api.port, issuer=self.issuer)
        self.gateway.start()
        self.scanner = Scanner(
            api_url=self.api.url, policy_attached=self._has_policy, ledger=self.folder / "ledgers" / "scanner.jsonl"
        )
        self.scanner.start()

    def stop(self) -> None:
        if self.gateway is not None:
            self.gateway.stop()
        running = (self.scanner, self.api, self.aws, self.slack, self.servicenow, self.jira)
        for standin in running:
            if standin is not None:
                standin.stop()

    def __enter__(self) -> Estate:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _has_policy(self, host: str) -> bool:
        """The scanner's own look at the web ACL: is a managed rule group in it and in force?"""
        from stanch.sandbox._aws.seed import client

        acl = client("wafv2", self.aws.url, self.aws.region).get_web_acl(
            Name=self.seeded.web_acl_name, Scope="REGIONAL", Id=self.seeded.web_acl_id
        )
        rules = acl["WebACL"]["Rules"]
        managed = [rule for rule in rules if "ManagedRuleGroupStatement" in rule.get("Statement", {})]
        return any("None" in rule.get("OverrideAction", {}) for rule in managed)

    def connect_callbacks(self, web_url: str) -> None:
        """Let trackers and chat call back."""
        self.slack.request_url = f"{web_url}/v1/slack/interactions"
        self.jira.callbacks.url = f"{web_url}/v1/tickets/jira"
        self.servicenow.callbacks.url = f"{web_url}/v1/tickets/servicenow"

    # -- settings ---------------------------------------------------------------------------------------------------

    def write_settings(self, *, data_dir: Path, web_port: int, more: Mapping[str, Any] = MappingProxyType({})) -> Path:
        """Write stanch.toml for this sandbox; secrets stand in files of their own."""
        for source in SOURCES:
            self.secret(f"source_{source}", prefix="whsec_")
        path = self.folder / "stanch.toml"
        values: dict[str, Any] = {
            "data_dir": str(data_dir.absolute()),
            "web": {"host": "127.0.0.1", "port": web_port},
            "trackers": {"jira": self._jira(), "servicenow": self._servicenow()},
            "chat": {"slack": self._slack()},
            "points": {"edge": self._edge(), "users": self._users()},
            "policies": {"waf": self._waf()},
            "identity": {"cognito": {"kind": "cognito", **self._pool()}},
            "scanners": {"sandbox": {"kind": "http", "url": self.scanner.url if self.scanner else ""}},
            "inventory": {"*.example.com": {"criticality": "high", "business_owner": "user:maria"}},
            **more,
        }
        path.write_text(to_toml(values), encoding="utf-8")
        return path

    def environment(self) -> dict[str, str]:
        """Variables that name the secrets of sources, as policy/sources.yaml refers to them."""
        return {f"STANCH_SOURCE_{name.upper()}": self.secret(f"source_{name}") for name in SOURCES}

    def _jira(self) -> dict[str, Any]:
        return {
            "kind": "jira",
            "url": self.jira.url,
            "email": "stanch@example.com",
            "token": self._stored("jira_token", self.jira.token),
            "webhook_secret": self.reference("jira_webhook"),
            "project": "SEC",
            **QUICK,
        }

    def _servicenow(self) -> dict[str, Any]:
        return {
            "kind": "servicenow",
            "url": self.servicenow.url,
            "user": "stanch",
            "password": self._stored("servicenow_password", self.servicenow.password),
            "callback_secret": self.reference("servicenow_callback"),
            **QUICK,
        }

    def _slack(self) -> dict[str, Any]:
        return {
            "kind": "slack",
            "token": self._stored("slack_token", SANDBOX_APP.token),
            "signing_secrets": [self._stored("slack_signing", SANDBOX_APP.signing_secret)],
            "team_id": SANDBOX_APP.team_id,
            "base_url": self.slack.url + "/api/",
            "pace": self.slack.workspace.pace,
        }

    def _edge(self) -> dict[str, Any]:
        if self.gateway is None:
            raise RuntimeError("start the estate first")
        self.secret("canary")
        return self.gateway.section(hosts=HOSTS, canary_secret=self.reference("canary"))

    def _pool(self) -> dict[str, Any]:
        return {**self._aws(), "user_pool_id": self.seeded.user_pool_id}

    def _users(self) -> dict[str, Any]:
        return {"kind": "cognito_user", "serves": ["user:*"], **self._pool()}

    def _waf(self) -> dict[str, Any]:
        return {"kind": "aws_waf", **self._aws(), "web_acls": {"*.example.com": self.seeded.web_acl_name}}

    def _aws(self) -> dict[str, Any]:
        section = self.aws.section()
        section["secret_access_key"] = self._stored("aws_secret", section["secret_access_key"])
        return section

    def _stored(self, name: str, value: str) -> str:
        self._keep(name, value)
        return self.reference(name)
