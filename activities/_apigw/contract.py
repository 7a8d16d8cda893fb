"""The validator and model that one enforced contract needs, named after the change that made them."""

from __future__ import annotations

from typing import Any

from activities._apigw.calls import Gateway
from activities._apigw.contract_file import JSON, Contract
from activities._aws import LockConflict, NotThere, outcome


def make_parts(gateway: Gateway, api: str, key: str, contract: Contract) -> dict[str, Any]:
    """Make what is not there yet; the state to ask for."""
    validator = _validator(gateway, api, key) or _make_validator(gateway, api, key, contract)
    models: dict[str, str] = {}
    if contract.model:
        _model(gateway, api, key, contract.model)
        models[JSON] = _model_name(key)
    return {"validator": validator, "models": models, "parameters": dict.fromkeys(contract.parameters, True)}


def remove_made(gateway: Gateway, api: str, key: str) -> None:
    """Delete them again; what somebody else refers to meanwhile stays."""
    validator = _validator(gateway, api, key)
    try:
        if validator:
            with outcome("DeleteRequestValidator", write=True):
                gateway.client.delete_request_validator(restApiId=api, requestValidatorId=validator)
    except (NotThere, LockConflict):
        pass
    try:
        with outcome("DeleteModel", write=True):
            gateway.client.delete_model(restApiId=api, modelName=_model_name(key))
    except (NotThere, LockConflict):
        pass


def _validator(gateway: Gateway, api: str, key: str) -> str:
    found = gateway.pages("GetRequestValidators", gateway.client.get_request_validators, restApiId=api)
    return next((str(one["id"]) for one in found if one.get("name") == _validator_name(key)), "")


def _make_validator(gateway: Gateway, api: str, key: str, contract: Contract) -> str:
    checks = {"validateRequestBody": bool(contract.model), "validateRequestParameters": bool(contract.parameters)}
    with outcome("CreateRequestValidator", write=True):
        made = gateway.client.create_request_validator(restApiId=api, name=_validator_name(key), **checks)
        return str(made["id"])


def _model(gateway: Gateway, api: str, key: str, schema: str) -> None:
    given = {"restApiId": api, "name": _model_name(key), "schema": schema, "contentType": JSON}
    try:
        with outcome("GetModel", write=False):
            str(gateway.client.get_model(restApiId=api, modelName=given["name"])["name"])
    except NotThere:
        with outcome("CreateModel", write=True):
            str(gateway.client.create_model(**given)["name"])


def _validator_name(key: str) -> str:
    return f"stanch-{key}"


def _model_name(key: str) -> str:
    return f"Stanch{key}"
