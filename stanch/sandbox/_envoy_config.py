"""The configuration of the sandbox gateway, as plain data: bootstrap, listener and the filter that Stanch writes to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RBAC_FILTER = "envoy.filters.http.rbac"
_TYPE = "type.googleapis.com/envoy"
_JWT = "envoy.filters.http.jwt_authn"
_UPSTREAM = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_LISTENER_TYPE = f"{_TYPE}.config.listener.v3.Listener"


@dataclass(frozen=True)
class Layout:
    """Where the gateway listens, what it guards and which files it reads and writes."""

    directory: Path
    port: int
    admin_port: int
    origin_port: int
    issuer: str
    jwks: str
    trusted_hops: int = 0
    rbac_in_listener: bool = False

    @property
    def bootstrap(self) -> Path:
        return self.directory / "bootstrap.json"

    @property
    def listeners(self) -> Path:
        return self.directory / "xds" / "lds.json"

    @property
    def rules(self) -> Path:
        """The file with the RBAC policies: the one Stanch owns entries of."""
        return self.listeners if self.rbac_in_listener else self.directory / "xds" / "rbac.json"

    @property
    def access_log(self) -> Path:
        return self.directory / "access.jsonl"


def bootstrap(layout: Layout) -> dict[str, Any]:
    """Admin endpoint, the origin as the only cluster, and listeners from a watched file."""
    return {
        "node": {"id": "sandbox", "cluster": "sandbox"},
        "admin": {"address": _address(layout.admin_port)},
        "dynamic_resources": {"lds_config": _watched(layout.listeners)},
        "static_resources": {
            "clusters": [
                {
                    "name": "origin",
                    "type": "STATIC",
                    "connect_timeout": "2s",
                    "typed_extension_protocol_options": {_UPSTREAM: _upstream()},
                    "load_assignment": {
                        "cluster_name": "origin",
                        "endpoints": [
                            {"lb_endpoints": [{"endpoint": {"address": _address(layout.origin_port)}}]},
                        ],
                    },
                }
            ]
        },
    }


def _upstream() -> dict[str, Any]:
    """Idle connections end before the origin ends them (after 5 s): a request that meets that end gets a 503."""
    return {
        "@type": f"type.googleapis.com/{_UPSTREAM}",
        "common_http_protocol_options": {"idle_timeout": "2s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }


def listeners(layout: Layout, policies: dict[str, Any]) -> dict[str, Any]:
    """The discovery answer with one listener; `policies` are put in place only when RBAC lives in the listener."""
    manager: dict[str, Any] = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "sandbox",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "xff_num_trusted_hops": layout.trusted_hops,
        # Without these three, `//users/7` and `%75sers/7` would pass a rule on `/users/{id}`.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "route_config": _routes(),
        "http_filters": [_jwt_filter(layout), _rbac_filter(layout, policies), _router()],
        "access_log": [_access_log(layout)],
    }
    listener = {
        "@type": _LISTENER_TYPE,
        "name": "sandbox",
        "address": _address(layout.port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {"version_info": "1", "resources": [listener]}


def rules(policies: dict[str, Any]) -> dict[str, Any]:
    """The discovery answer with the RBAC filter alone, so that a new block needs no new listener.

    A changed listener keeps serving open connections with the old rules until they drain; a filter of its own
    resource changes for the next request of every connection.
    """
    return {
        "version_info": "1",
        "resources": [
            {
                "@type": f"{_TYPE}.config.core.v3.TypedExtensionConfig",
                "name": RBAC_FILTER,
                "typed_config": _rbac(policies),
            }
        ],
    }


def _rbac(policies: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}.extensions.filters.http.rbac.v3.RBAC",
        "rules": {"action": "DENY", "policies": policies},
        "shadow_rules": {"action": "DENY", "policies": {}},
        "track_per_rule_stats": True,
    }


def _rbac_filter(layout: Layout, policies: dict[str, Any]) -> dict[str, Any]:
    if layout.rbac_in_listener:
        return {"name": RBAC_FILTER, "typed_config": _rbac(policies)}
    return {
        "name": RBAC_FILTER,
        "config_discovery": {
            "config_source": _watched(layout.rules),
            "type_urls": [f"{_TYPE}.extensions.filters.http.rbac.v3.RBAC"],
        },
    }


def _jwt_filter(layout: Layout) -> dict[str, Any]:
    provider = {
        "issuer": layout.issuer,
        "forward": True,
        "payload_in_metadata": "jwt_payload",
        "local_jwks": {"inline_string": layout.jwks},
    }
    requirement: dict[str, Any] = {
        "requires_any": {"requirements": [{"provider_name": "sandbox"}, {"allow_missing": {}}]}
    }
    config = {
        "@type": f"{_TYPE}.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"sandbox": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": requirement}],
    }
    return {"name": _JWT, "typed_config": config}


def _router() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
    }


def _routes() -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "15s"}}
    return {"name": "sandbox", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}


def _access_log(layout: Layout) -> dict[str, Any]:
    claims = f"DYNAMIC_METADATA({_JWT}:jwt_payload"
    fields = {
        "time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "host": "%REQ(:AUTHORITY)%",
        "path": "%PATH(NQ:PATH)%",
        "status": "%RESPONSE_CODE%",
        "duration_ms": "%DURATION%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "peer": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
        "sub": f"%{claims}:sub)%",
        "jti": f"%{claims}:jti)%",
        "client_id": f"%{claims}:client_id)%",
        "sid": f"%{claims}:sid)%",
        "policy": f"%DYNAMIC_METADATA({RBAC_FILTER}:enforced_effective_policy_id)%",
        "shadow_policy": f"%DYNAMIC_METADATA({RBAC_FILTER}:shadow_effective_policy_id)%",
        "agent": "%REQ(USER-AGENT)%",
        "details": "%RESPONSE_CODE_DETAILS%",
    }
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{_TYPE}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(layout.access_log),
            "log_format": {"json_format": fields},
        },
    }


def _watched(path: Path) -> dict[str, Any]:
    return {
        "path_config_source": {"path": str(path), "watched_directory": {"path": str(path.parent)}},
        "resource_api_version": "V3",
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def write(path: Path, document: dict[str, Any]) -> None:
    """Write JSON for Envoy, for nobody else to read; only before it starts, later writes must be renames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
