"""The embedded Temporal server: what it was told is in force, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from stanch.contract import SEARCH_ATTRIBUTES
from stanch.errors import ConfigError, DependencyError
from stanch.sandbox.stack import Stack, external_temporal
from stanch.sandbox.temporal import EmbeddedTemporal, free_port
from stanch.temporal import connect, register_search_attributes, search_attributes

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_temporal_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))  # no profile file of whoever runs this


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTemporal]:
    with EmbeddedTemporal(database=tmp_path_factory.mktemp("t") / "temporal.db", durable=True, ui=True) as made:
        yield made


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def processes_with(text: str) -> list[tuple[int, list[str]]]:
    """Processes with this text on their command line."""
    found: list[tuple[int, list[str]]] = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (OSError, NotADirectoryError):
            continue
        if entry.name.isdigit() and any(text in word for word in words):
            found.append((int(entry.name), words))
    return found


def soon(true: Callable[[], object], *, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def database_of(server: EmbeddedTemporal) -> Path:
    return server._database


async def test_search_attributes_have_their_types(server: EmbeddedTemporal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    client = await connect(tries=1)
    present = await search_attributes(client)
    assert {name: present.get(name) for name in SEARCH_ATTRIBUTES} == SEARCH_ATTRIBUTES
    assert await register_search_attributes(client) == []


def test_the_journal_is_a_write_ahead_log(server: EmbeddedTemporal) -> None:
    path = database_of(server)
    assert path.read_bytes()[18:20] == b"\x02\x02", "bytes 18 and 19 of an SQLite file say WAL"
    assert path.with_name(path.name + "-wal").exists()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("durable", [True, False])
def test_what_the_server_is_told(tmp_path: Path, durable: bool) -> None:
    told = EmbeddedTemporal(database=tmp_path / "temporal.db", durable=durable)._arguments()
    assert f"--sqlite-pragma=synchronous={2 if durable else 1}" in told
    assert "--headless" in told
    assert "--ip=127.0.0.1" in told


def test_the_running_server_has_these_words(server: EmbeddedTemporal) -> None:
    words = [words for _, words in processes_with(f"--db-filename={database_of(server)}")]
    assert words
    for flag in (
        "--sqlite-pragma=synchronous=2",
        "--dynamic-config-value=matching.numTaskqueueReadPartitions=1",
        "--dynamic-config-value=matching.numTaskqueueWritePartitions=1",
        "--search-attribute=StanchTags=KeywordList",
        f"--ui-port={server.ui_port}",
    ):
        assert all(flag in line for line in words), flag


async def test_one_partition_only(server: EmbeddedTemporal) -> None:
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import ListTaskQueuePartitionsRequest

    client = await Client.connect(server.address)
    request = ListTaskQueuePartitionsRequest(namespace="default", task_queue=TaskQueue(name="stanch.core"))
    reply = await client.workflow_service.list_task_queue_partitions(request)
    assert (len(reply.activity_task_queue_partitions), len(reply.workflow_task_queue_partitions)) == (1, 1)


def test_a_second_one_and_a_clean_stop(server: EmbeddedTemporal, tmp_path: Path) -> None:
    second = EmbeddedTemporal(database=tmp_path / "temporal.db", durable=False)
    with second:
        assert second.port != server.port
        assert listens(second.port)
        assert listens(server.port)
        assert processes_with(f"--db-filename={tmp_path}")
    assert not listens(second.port)
    assert not processes_with(f"--db-filename={tmp_path}")
    assert listens(server.port)
    second.stop()  # again: nothing to do


def test_another_server_is_never_taken_for_ours(server: EmbeddedTemporal, tmp_path: Path) -> None:
    with pytest.raises(DependencyError) as caught:
        EmbeddedTemporal(database=tmp_path / "temporal.db", durable=False, port=server.port).start()
    assert caught.value.code == "D012"
    assert not processes_with(f"--db-filename={tmp_path}")


HOLDER = """
import sys, time
from pathlib import Path
from stanch.sandbox.temporal import EmbeddedTemporal
server = EmbeddedTemporal(database=Path(sys.argv[1]), durable=False)
server.start()
print(server.port, flush=True)
time.sleep(60)
"""


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "temporal.db")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    with parent.stdout:
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
        assert soon(lambda: not processes_with(f"--db-filename={tmp_path}"))
    assert not listens(port)


# -- a server that is not ours -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that knows nothing of Stanch."""

    class Plain(EmbeddedTemporal):
        def _arguments(self) -> list[str]:
            return [word for word in super()._arguments() if not word.startswith("--search-attribute")]

    with Plain(database=tmp_path_factory.mktemp("plain") / "temporal.db", durable=False) as made:
        yield made.address


def test_our_own_server_is_meant_where_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert external_temporal() == ""
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "somebody-elses")
    monkeypatch.setenv("TEMPORAL_API_KEY", "secret")
    stack = Stack(tmp_path / "s")
    given = stack.environment()
    assert given["TEMPORAL_ADDRESS"] == stack.temporal.address == stack.temporal_address
    assert {name for name in given if name.startswith("TEMPORAL_")} == {"TEMPORAL_ADDRESS", "TEMPORAL_CONFIG_FILE"}
    assert Path(given["TEMPORAL_CONFIG_FILE"]).read_text() == ""


def test_a_profile_names_an_outside_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text('[profile.lab]\naddress = "10.0.0.9:7233"\nnamespace = "lab"\n', encoding="utf-8")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    monkeypatch.setenv("TEMPORAL_PROFILE", "lab")
    stack = Stack(tmp_path / "s")
    assert stack.external == stack.temporal_address == "10.0.0.9:7233"
    given = stack.environment()
    assert (given["TEMPORAL_PROFILE"], given["TEMPORAL_CONFIG_FILE"]) == ("lab", str(file))
    assert "TEMPORAL_ADDRESS" not in given, "it would hide the profile's"
    monkeypatch.setenv("TEMPORAL_ADDRESS", "10.0.0.10:7233")
    assert external_temporal() == "10.0.0.10:7233"


@pytest.mark.parametrize(
    "text", ["[profile.lab", '[profile.lab]\nadress = "x"\n', '[profile.other]\naddress = "x:1"\n']
)
def test_a_profile_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    monkeypatch.setenv("TEMPORAL_PROFILE", "lab")
    with pytest.raises(ConfigError) as caught:
        external_temporal()
    assert caught.value.code == "C013"


async def test_nobody_there_is_said_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(DependencyError) as caught:
        await connect(tries=1)
    assert (caught.value.code, f"127.0.0.1:{port}" in caught.value.message) == ("D010", True)


async def test_a_namespace_that_is_not_there_is_named(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", plain)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "prdo")
    with pytest.raises(ConfigError) as caught:
        await connect(tries=1)
    assert (caught.value.code, "'prdo'" in caught.value.message) == ("C013", True)
    assert "TEMPORAL_NAMESPACE" in caught.value.hint


async def test_search_attributes_of_another_type_are_never_changed(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.protobuf.duration_pb2 import Duration
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
    from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

    client = await Client.connect(plain)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace="other", workflow_execution_retention_period=Duration(seconds=86400))
    )
    monkeypatch.setenv("TEMPORAL_ADDRESS", plain)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "other")
    theirs = {"StanchState": IndexedValueType.INDEXED_VALUE_TYPE_INT}
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace="other", search_attributes=theirs)
    )
    with pytest.raises(DependencyError) as caught:
        await register_search_attributes(await connect(tries=1))
    assert (caught.value.code, "StanchState" in caught.value.message) == ("D011", True)
    assert "StanchOwner" not in await search_attributes(await connect(tries=1))
