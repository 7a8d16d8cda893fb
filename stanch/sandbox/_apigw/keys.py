"""API keys, usage plans and tags of the API Gateway stand-in, with the rules that AWS documents."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any

from stanch.sandbox._apigw import patch
from stanch.sandbox._apigw.protocol import ApigwError, bad, missing

Params = Mapping[str, Any]
_ARN = re.compile(r"arn:aws:apigateway:[\w-]+::/(apikeys|usageplans|restapis)/(\w+)(?:/stages/([\w-]+))?")
_TAG_KEY = re.compile(r"[\w .:/=+\-@]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+\-@]{0,256}")
MOST_TAGS = 50


def new_id() -> str:
    return secrets.token_hex(5)


class Keys:
    """State and operations by their Python name."""

    def __init__(self, stage: Callable[[str, str], dict[str, Any]], api: Callable[[str], dict[str, Any]]) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.plans: dict[str, dict[str, Any]] = {}
        self.members: dict[str, dict[str, str]] = {}  # plan -> key -> type
        self.used: Counter[tuple[str, str, str]] = Counter()  # plan, key, day
        self._stage = stage
        self._api = api

    # -- keys

    def create_api_key(self, p: Params) -> dict[str, Any]:
        now = datetime.now(UTC)
        made = {"id": new_id(), "value": p.get("value") or secrets.token_urlsafe(30), "name": p.get("name", "")}
        made |= {"enabled": p.get("enabled", False), "tags": dict(p.get("tags", {}))}
        made |= {"createdDate": now, "lastUpdatedDate": now, "stageKeys": []}
        if any(one["value"] == made["value"] for one in self.keys.values()):
            raise ApigwError("ConflictException", "API Key already exists")
        self.keys[made["id"]] = made
        return deepcopy(made)

    def get_api_key(self, p: Params) -> dict[str, Any]:
        return self._shown(self._key(p["apiKey"]), value=p.get("includeValue", False))

    def get_api_keys(self, p: Params) -> dict[str, Any]:
        named = [one for one in self.keys.values() if str(one["name"]).startswith(p.get("nameQuery", ""))]
        shown, position = page(named, p)
        return {"items": [self._shown(one, value=p.get("includeValues", False)) for one in shown], **position}

    def update_api_key(self, p: Params) -> dict[str, Any]:
        changed = deepcopy(self._key(p["apiKey"]))
        patch.apply_all(changed, p.get("patchOperations", ()), patch.KEY)
        changed["lastUpdatedDate"] = datetime.now(UTC)
        self.keys[changed["id"]] = changed
        return self._shown(changed, value=False)

    def delete_api_key(self, p: Params) -> None:
        del self.keys[self._key(p["apiKey"])["id"]]
        for members in self.members.values():
            members.pop(p["apiKey"], None)

    def _key(self, identity: str) -> dict[str, Any]:
        if identity not in self.keys:
            raise missing("API Key")
        return self.keys[identity]

    def _shown(self, key: Mapping[str, Any], *, value: bool) -> dict[str, Any]:
        return {name: deepcopy(item) for name, item in key.items() if value or name != "value"}

    # -- plans

    def create_usage_plan(self, p: Params) -> dict[str, Any]:
        for stage in p.get("apiStages", ()):
            self._stage(stage["apiId"], stage["stage"])
        made: dict[str, Any] = {"id": new_id(), "name": p["name"], "apiStages": deepcopy(list(p.get("apiStages", ())))}
        made |= {"tags": dict(p.get("tags", {}))} | ({"throttle": dict(p["throttle"])} if "throttle" in p else {})
        self.plans[made["id"]] = made
        self.members[made["id"]] = {}
        return deepcopy(made)

    def get_usage_plan(self, p: Params) -> dict[str, Any]:
        return deepcopy(self._plan(p["usagePlanId"]))

    def get_usage_plans(self, p: Params) -> dict[str, Any]:
        key = p.get("keyId")
        found = [plan for plan in self.plans.values() if key is None or key in self.members[plan["id"]]]
        shown, position = page(found, p)
        return {"items": deepcopy(shown), **position}

    def update_usage_plan(self, p: Params) -> dict[str, Any]:
        changed = deepcopy(self._plan(p["usagePlanId"]))
        patch.apply_all(changed, p.get("patchOperations", ()), patch.PLAN)
        for stage in changed["apiStages"]:
            self._stage(stage["apiId"], stage["stage"])
        self.plans[changed["id"]] = changed
        return deepcopy(changed)

    def create_usage_plan_key(self, p: Params) -> dict[str, Any]:
        plan, key = self._plan(p["usagePlanId"]), self._key(p["keyId"])
        if p["keyType"] != "API_KEY":
            raise bad("keyType has to be API_KEY")
        if key["id"] in self.members[plan["id"]]:
            raise ApigwError("ConflictException", "Usage plan key already exists")
        for other, members in self.members.items():
            shared = [stage for stage in self.plans[other]["apiStages"] if stage in plan["apiStages"]]
            if key["id"] in members and shared:
                raise ApigwError("ConflictException", "the key is in another usage plan of the same stage")
        self.members[plan["id"]][key["id"]] = "API_KEY"
        return self._plan_key(key["id"])

    def get_usage_plan_key(self, p: Params) -> dict[str, Any]:
        if p["keyId"] not in self.members[self._plan(p["usagePlanId"])["id"]]:
            raise missing("Usage Plan Key")
        return self._plan_key(p["keyId"])

    def delete_usage_plan_key(self, p: Params) -> None:
        self.get_usage_plan_key(p)
        del self.members[p["usagePlanId"]][p["keyId"]]

    def get_usage(self, p: Params) -> dict[str, Any]:
        plan = self._plan(p["usagePlanId"])["id"]
        days = _days(p["startDate"], p["endDate"])
        keys, position = page([p["keyId"]] if "keyId" in p else list(self.members[plan]), p)
        items = {key: [[self.used[plan, key, day], 0] for day in days] for key in keys}
        period = {"startDate": p["startDate"], "endDate": p["endDate"]}
        return {"usagePlanId": plan, **period, "items": items, **position}

    def _plan(self, identity: str) -> dict[str, Any]:
        if identity not in self.plans:
            raise missing("Usage Plan")
        return self.plans[identity]

    def _plan_key(self, identity: str) -> dict[str, Any]:
        return {"id": identity, "type": "API_KEY", "name": self._key(identity)["name"]}

    # -- tags

    def tag_resource(self, p: Params) -> None:
        tags = self._tags(p["resourceArn"])
        wrong = [
            key for key, value in p["tags"].items() if not _TAG_KEY.fullmatch(key) or not _TAG_VALUE.fullmatch(value)
        ]
        if wrong or any(key.lower().startswith("aws:") for key in p["tags"]):
            raise bad("a tag has letters that are not allowed")
        if len(tags | dict(p["tags"])) > MOST_TAGS:
            raise ApigwError("LimitExceededException", "a resource has at most 50 tags")
        tags |= dict(p["tags"])

    def untag_resource(self, p: Params) -> None:
        tags = self._tags(p["resourceArn"])
        for key in p["tagKeys"]:
            tags.pop(key, None)

    def get_tags(self, p: Params) -> dict[str, Any]:
        return {"tags": dict(self._tags(p["resourceArn"]))}

    def _tags(self, arn: str) -> dict[str, str]:
        found = _ARN.fullmatch(arn)
        if found is None:
            raise bad("Invalid resource ARN")
        kind, identity, stage = found.groups()
        if kind == "restapis":
            resource = self._stage(identity, stage) if stage else self._api(identity)
        else:
            resource = self._key(identity) if kind == "apikeys" else self._plan(identity)
        tags: dict[str, str] = resource.setdefault("tags", {})
        return tags


def page(items: list[Any], p: Params) -> tuple[list[Any], dict[str, str]]:
    """One page by `position`, and where the next one begins."""
    start = int(p.get("position", "0") or 0)
    limit = int(p.get("limit", 25))
    if not 1 <= limit <= 500:
        raise bad("limit is 1 to 500")
    end = start + limit
    return items[start:end], ({"position": str(end)} if end < len(items) else {})


def _days(start: str, end: str) -> list[str]:
    try:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
    except ValueError:
        raise bad("dates are YYYY-MM-DD") from None
    if not 0 <= (last - first).days <= 90:
        raise bad("at most 90 days")
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
