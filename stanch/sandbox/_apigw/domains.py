"""Custom domain names of the API Gateway stand-in: which path of which name leads to which stage."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from stanch.sandbox._apigw.keys import Params, page
from stanch.sandbox._apigw.protocol import ApigwError, missing

_NONE = "(none)"


class Domains:
    """State and operations by their Python name."""

    def __init__(self, apis: Any) -> None:
        self._apis = apis
        self.names: dict[str, dict[str, dict[str, str]]] = {}  # name -> base path -> mapping

    def create_domain_name(self, p: Params) -> dict[str, Any]:
        if p["domainName"] in self.names:
            raise ApigwError("ConflictException", "The domain name you provided already exists.")
        self.names[p["domainName"]] = {}
        return {"domainName": p["domainName"]}

    def get_domain_names(self, p: Params) -> dict[str, Any]:
        shown, position = page([{"domainName": name} for name in sorted(self.names)], p)
        return {"items": shown, **position}

    def create_base_path_mapping(self, p: Params) -> dict[str, Any]:
        mappings = self._of(p)
        base = p.get("basePath") or _NONE
        if base in mappings:
            raise ApigwError("ConflictException", "Base path already exists for this domain name")
        if "stage" in p:
            self._apis.stage(p["restApiId"], p["stage"])
        made = {"basePath": base, "restApiId": self._apis.api(p["restApiId"])["id"]}
        mappings[base] = made | ({"stage": p["stage"]} if "stage" in p else {})
        return deepcopy(mappings[base])

    def get_base_path_mappings(self, p: Params) -> dict[str, Any]:
        shown, position = page(list(self._of(p).values()), p)
        return {"items": deepcopy(shown), **position}

    def delete_base_path_mapping(self, p: Params) -> None:
        if self._of(p).pop(p["basePath"], None) is None:
            raise missing("base path mapping")

    def _of(self, p: Params) -> dict[str, dict[str, str]]:
        if p["domainName"] not in self.names:
            raise missing("domain name")
        return self.names[p["domainName"]]
