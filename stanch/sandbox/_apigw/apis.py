"""REST APIs of the API Gateway stand-in: resources, methods, stages; a change has effect only once it is deployed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]

from stanch.sandbox._apigw import patch
from stanch.sandbox._apigw.keys import Params, new_id, page
from stanch.sandbox._apigw.protocol import ApigwError, bad, missing
from stanch.sandbox._apigw.statements import MOST_CHARACTERS, expanded

_NAME = re.compile(r"[A-Za-z0-9]{1,255}")
_AUTH = ("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS")


class Apis:
    """State and operations by their Python name; `deployed` is what the traffic port goes by."""

    def __init__(self, *, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self.apis: dict[str, dict[str, Any]] = {}

    def api(self, identity: str) -> dict[str, Any]:
        if identity not in self.apis:
            raise missing("API")
        return self.apis[identity]

    def stage(self, api: str, name: str) -> dict[str, Any]:
        stages: dict[str, dict[str, Any]] = self.api(api)["stages"]
        if name not in stages:
            raise missing("Stage")
        return stages[name]

    def create_rest_api(self, p: Params) -> dict[str, Any]:
        root: dict[str, Any] = {"id": new_id(), "path": "/", "methods": {}}
        made: dict[str, Any] = {"id": new_id(), "name": p["name"], "policy": "", "tags": dict(p.get("tags", {}))}
        made |= {"endpoint": p.get("endpointConfiguration", {"types": ["REGIONAL"]}), "resources": {root["id"]: root}}
        made |= {"stages": {}, "deployments": {}, "validators": {}, "models": {}, "authorizers": {}}
        self.apis[made["id"]] = made
        return self.get_rest_api({"restApiId": made["id"]})

    def get_rest_api(self, p: Params) -> dict[str, Any]:
        api = self.api(p["restApiId"])
        shown = {"id": api["id"], "name": api["name"], "endpointConfiguration": api["endpoint"], "tags": api["tags"]}
        escaped = json.dumps(api["policy"])[1:-1] if api["policy"] else None  # AWS escapes the document once more
        return {**shown, "policy": escaped, "apiKeySource": "HEADER"}

    def update_rest_api(self, p: Params) -> dict[str, Any]:
        api = self.api(p["restApiId"])
        changed = {"policy": api["policy"]}
        patch.apply_all(changed, p.get("patchOperations", ()), patch.API)
        policy = str(changed["policy"])
        if policy:
            where = f"arn:aws:execute-api:{self._region}:{self._account}:{api['id']}/"
            policy = expanded(policy, where)
        if len(policy) > MOST_CHARACTERS:
            raise bad("Invalid policy document: it is too long")
        api["policy"] = policy
        return self.get_rest_api(p)

    def create_resource(self, p: Params) -> dict[str, Any]:
        parent = self._resource(p["restApiId"], p["parentId"])
        path = f"{parent['path'].rstrip('/')}/{p['pathPart']}"
        resources = self.api(p["restApiId"])["resources"]
        if any(one["path"] == path for one in resources.values()):
            raise ApigwError("ConflictException", "Another resource with the same parent already has this name")
        made: dict[str, Any] = {"id": new_id(), "path": path, "methods": {}}
        resources[made["id"]] = made
        return _resource_shown(made, methods=False)

    def get_resources(self, p: Params) -> dict[str, Any]:
        resources = sorted(self.api(p["restApiId"])["resources"].values(), key=lambda one: str(one["path"]))
        shown, position = page(resources, p)
        whole = "methods" in p.get("embed", ())
        return {"items": [_resource_shown(one, methods=whole) for one in shown], **position}

    def put_method(self, p: Params) -> dict[str, Any]:
        resource = self._resource(p["restApiId"], p["resourceId"])
        made = {name: deepcopy(value) for name, value in p.items() if name not in ("restApiId", "resourceId")}
        made.setdefault("apiKeyRequired", False)
        self._sound(p["restApiId"], made)
        resource["methods"][p["httpMethod"]] = made
        return deepcopy(made)

    def put_integration(self, p: Params) -> dict[str, Any]:
        method = self._method(p)
        method["methodIntegration"] = {"type": p["type"]}
        return {"type": p["type"]}

    def get_method(self, p: Params) -> dict[str, Any]:
        return deepcopy(self._method(p))

    def update_method(self, p: Params) -> dict[str, Any]:
        changed = deepcopy(self._method(p))
        patch.apply_all(changed, p.get("patchOperations", ()), patch.METHOD)
        if changed["authorizationType"] in ("NONE", "AWS_IAM"):
            changed.pop("authorizerId", None)
        for name in ("requestModels", "requestParameters", "requestValidatorId"):
            if not changed.get(name):
                changed.pop(name, None)
        self._sound(p["restApiId"], changed)
        self._resource(p["restApiId"], p["resourceId"])["methods"][p["httpMethod"]] = changed
        return deepcopy(changed)

    def _sound(self, api_id: str, method: Mapping[str, Any]) -> None:
        api = self.api(api_id)
        auth = method["authorizationType"]
        if auth not in _AUTH or (auth in _AUTH[2:] and method.get("authorizerId") not in api["authorizers"]):
            raise bad("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS "
                      "requires a valid authorizer.")  # fmt: skip
        if method.get("requestValidatorId") and method["requestValidatorId"] not in api["validators"]:
            raise bad("Invalid Request Validator identifier specified")
        if set(method.get("requestModels", {}).values()) - set(api["models"]):
            raise bad("Invalid model identifier specified")
        names = method.get("requestParameters", {})
        if any(not re.fullmatch(r"method\.request\.(path|querystring|header)\.[\w.$-]+", name) for name in names):
            raise bad("Invalid mapping expression specified")

    def create_deployment(self, p: Params) -> dict[str, Any]:
        api = self.api(p["restApiId"])
        methods = [method for one in api["resources"].values() for method in one["methods"].values()]
        if not methods:
            raise bad("The REST API doesn't contain any methods")
        if not all("methodIntegration" in method for method in methods):
            raise bad("No integration defined for method")
        kept = ("policy", "resources", "validators", "models", "authorizers", "endpoint")
        made = {"id": new_id(), "description": p.get("description", ""), "createdDate": datetime.now(UTC)}
        made["snapshot"] = deepcopy({name: api[name] for name in kept})
        api["deployments"][made["id"]] = made
        if "stageName" in p:
            fresh: dict[str, Any] = {"stageName": p["stageName"], "methodSettings": {}, "tags": {}}
            api["stages"].setdefault(p["stageName"], fresh)["deploymentId"] = made["id"]
        return {name: made[name] for name in ("id", "description", "createdDate")}

    def get_deployment(self, p: Params) -> dict[str, Any]:
        found = self.api(p["restApiId"])["deployments"].get(p["deploymentId"])
        if found is None:
            raise missing("Deployment")
        shown = {name: found[name] for name in ("id", "description", "createdDate")}
        if "apisummary" not in p.get("embed", ()):
            return shown
        summary: dict[str, Any] = {}
        for one in found["snapshot"]["resources"].values():
            for name, method in one["methods"].items():
                told = {key: method[key] for key in ("authorizationType", "apiKeyRequired")}
                summary.setdefault(one["path"], {})[name] = told
        return {**shown, "apiSummary": summary}

    def get_stage(self, p: Params) -> dict[str, Any]:
        return deepcopy(self.stage(p["restApiId"], p["stageName"]))

    def update_stage(self, p: Params) -> dict[str, Any]:
        stage = self.stage(p["restApiId"], p["stageName"])
        changed = deepcopy(stage)
        patch.apply_all(changed, p.get("patchOperations", ()), patch.STAGE)
        if changed["deploymentId"] not in self.api(p["restApiId"])["deployments"]:
            raise bad("Invalid deployment identifier specified")
        self.api(p["restApiId"])["stages"][p["stageName"]] = changed
        return deepcopy(changed)

    def create_authorizer(self, p: Params) -> dict[str, Any]:
        made = {"id": new_id(), "name": p["name"], "type": p["type"]}
        self.api(p["restApiId"])["authorizers"][made["id"]] = made
        return dict(made)

    def get_authorizer(self, p: Params) -> dict[str, Any]:
        return dict(self._one(p["restApiId"], "authorizers", p["authorizerId"]))

    def create_request_validator(self, p: Params) -> dict[str, Any]:
        made = {"id": new_id(), "name": p.get("name", "")}
        made |= {name: p.get(name, False) for name in ("validateRequestBody", "validateRequestParameters")}
        self.api(p["restApiId"])["validators"][made["id"]] = made
        return dict(made)

    def get_request_validators(self, p: Params) -> dict[str, Any]:
        shown, position = page(list(self.api(p["restApiId"])["validators"].values()), p)
        return {"items": deepcopy(shown), **position}

    def delete_request_validator(self, p: Params) -> None:
        self._one(p["restApiId"], "validators", p["requestValidatorId"])
        self._unused(p["restApiId"], "requestValidatorId", p["requestValidatorId"])
        del self.api(p["restApiId"])["validators"][p["requestValidatorId"]]

    def create_model(self, p: Params) -> dict[str, Any]:
        models = self.api(p["restApiId"])["models"]
        if not _NAME.fullmatch(p["name"]):
            raise bad("Model name must be alphanumeric")
        if p["name"] in models:
            raise ApigwError("ConflictException", "Model name already exists for this REST API")
        try:
            jsonschema.Draft4Validator.check_schema(json.loads(p.get("schema", "")))
        except (ValueError, jsonschema.SchemaError) as error:
            raise bad(f"Invalid model specified: {type(error).__name__}") from None
        models[p["name"]] = {"id": new_id(), **{key: p[key] for key in ("name", "schema", "contentType")}}
        return dict(models[p["name"]])

    def get_model(self, p: Params) -> dict[str, Any]:
        return dict(self._one(p["restApiId"], "models", p["modelName"]))

    def delete_model(self, p: Params) -> None:
        self._one(p["restApiId"], "models", p["modelName"])
        self._unused(p["restApiId"], "requestModels", p["modelName"])
        del self.api(p["restApiId"])["models"][p["modelName"]]

    def _unused(self, api: str, member: str, name: str) -> None:
        for one in self.api(api)["resources"].values():
            for method in one["methods"].values():
                held = method.get(member) or ""
                if name == held or (isinstance(held, dict) and name in held.values()):
                    raise ApigwError("ConflictException", "it is referenced by a method")

    def _one(self, api: str, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self.api(api)[kind].get(name)
        if found is None:
            raise missing(kind)
        return found

    def _resource(self, api: str, identity: str) -> dict[str, Any]:
        return self._one(api, "resources", identity)

    def _method(self, p: Params) -> dict[str, Any]:
        found: dict[str, Any] | None = self._resource(p["restApiId"], p["resourceId"])["methods"].get(p["httpMethod"])
        if found is None:
            raise missing("Method")
        return found


def _resource_shown(one: Mapping[str, Any], *, methods: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": one["id"], "path": one["path"]}
    if one["methods"]:
        shown["resourceMethods"] = deepcopy(one["methods"]) if methods else {name: {} for name in one["methods"]}
    return shown
