"""One way to reach Temporal: profile files and TEMPORAL_* variables, our data converter, and the checks at start."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode

from stanch import contract
from stanch.catalog import Queue
from stanch.contract import SEARCH_ATTRIBUTES
from stanch.errors import ConfigError, DependencyError

DEFAULT_ADDRESS = "127.0.0.1:7233"
CONNECT_TRIES = 20
SWEEP_EVERY = timedelta(hours=1)
CONNECT_PAUSE = timedelta(milliseconds=500)

_NOT_FOR_US = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED)

_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}


def connect_config() -> ClientConnectConfig:
    """Where and how to connect, by Temporal's own variables and profile files; ours is the default address only.

    Raises:
        ConfigError: C013, a profile file is wrong or the profile is not in it.
    """
    try:
        config = ClientConfig.load_client_connect_config(config_file_strict=True)
    except (RuntimeError, OSError, ValueError):
        hint = "see TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE, or docs.temporal.io on environment configuration"
        raise ConfigError("Temporal's client configuration cannot be read", code="C013", hint=hint) from None
    config.setdefault("target_host", DEFAULT_ADDRESS)
    return config


async def connect(*, tries: int = CONNECT_TRIES) -> Client:
    """Connect as Temporal's own configuration says (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, profile, TLS, API key).

    Raises:
        ConfigError: C013, its configuration cannot be read, or the namespace is not there.
        DependencyError: D010, after bounded tries.
    """
    config = connect_config()
    address = config.get("target_host", DEFAULT_ADDRESS)
    for left in range(tries, 0, -1):
        try:
            client = await Client.connect(**config, data_converter=pydantic_data_converter)
            await _has_namespace(client)
            return client
        except (RuntimeError, RPCError):
            if left > 1:
                await asyncio.sleep(CONNECT_PAUSE.total_seconds())
    raise DependencyError(
        f"Temporal does not answer at {address}",
        code="D010",
        hint="start it, or set TEMPORAL_ADDRESS; `stanch dev` brings its own",
    )


async def _has_namespace(client: Client) -> None:
    """Refuse a namespace that is not there, which a worker would otherwise meet long after it has said it is ready."""
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            name = client.namespace
            hint = f"set TEMPORAL_NAMESPACE, or `temporal operator namespace create {name}`"
            raise ConfigError(f"Temporal has no namespace {name!r}", code="C013", hint=hint) from None
        if error.status not in _NOT_FOR_US:
            raise


async def search_attributes(client: Client) -> dict[str, str]:
    """Our search attributes as the namespace has them, by name and type."""
    reply = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    names = {value: name for name, value in _TYPES.items()}
    return {name: names.get(kind, str(kind)) for name, kind in reply.custom_attributes.items()}


async def register_search_attributes(client: Client) -> list[str]:
    """Add those that are missing.

    Returns:
        The names that were added.

    Raises:
        DependencyError: D011, one exists with another type, which Temporal would change silently.
    """
    present = await search_attributes(client)
    wrong = [name for name, kind in SEARCH_ATTRIBUTES.items() if present.get(name, kind) != kind]
    if wrong:
        hint = "use another namespace, or remove the attribute there"
        raise DependencyError(f"search attributes with another type: {', '.join(wrong)}", code="D011", hint=hint)
    missing = {name: _TYPES[kind] for name, kind in SEARCH_ATTRIBUTES.items() if name not in present}
    if missing:
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise
    return sorted(missing)


async def schedule_sweep(client: Client) -> bool:
    """Have records swept every hour; false where that was so already."""
    action = ScheduleActionStartWorkflow(
        contract.SWEEP_WORKFLOW, id="stanch-sweep", task_queue=contract.queue(Queue.CORE)
    )
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SWEEP_EVERY)], jitter=timedelta(minutes=5))
    try:
        await client.create_schedule("stanch-sweep", Schedule(action=action, spec=spec))
    except ScheduleAlreadyRunningError:
        return False
    return True
