"""Edits as they really happen: two files in turn, half a file, replaced, linked, mounted, gone; never half in use."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from policy_support import PLAYBOOK, ROOT, copied, edit, soon, store_of

from stanch import policy, policy_files
from stanch.errors import ConfigError
from stanch.policy import PolicyStore
from stanch.policy_state import PolicyState, PolicyUse, warnings_of
from stanch.settings import Settings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied(tmp_path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RELOAD_SECONDS", 0.05)


def tokens(store: PolicyStore) -> tuple[str, ...]:
    guards = store.current.guards
    assert guards is not None
    return guards.never_block.tokens


def test_two_files_saved_in_turn_come_into_force_together(folder: Path) -> None:
    """The first alone would be a mistake: it names a template that only the second brings."""
    store = store_of(folder)
    good = store.current
    edit(folder / "playbooks" / PLAYBOOK, "template: config_issue\n", "template: our_words\n")
    assert store.current is good
    (folder / "policy" / "texts").mkdir()
    (folder / "policy" / "texts" / "our_words.j2").write_text("Our words\n{{ finding.title }}\n", encoding="utf-8")
    soon(lambda: store.current is not good)
    assert (store.problem, store.state.failures) == ("", 0)
    assert "our_words" in store.texts.names


def test_who_writes_slowly_is_waited_for(folder: Path) -> None:
    store = store_of(folder)
    good, path = store.current, folder / "policy" / "guards.yaml"
    text = path.read_text("utf-8").replace("tokens: []", "tokens: [tok-ceo]")
    with path.open("w", encoding="utf-8") as file:
        for part in range(0, len(text), len(text) // 12):
            file.write(text[part : part + len(text) // 12])
            file.flush()
            assert store.current is good
            time.sleep(0.02)
    soon(lambda: tokens(store) == ("tok-ceo",))
    assert store.state.failures == 0


def test_who_never_stops_writing_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "REST_SECONDS", 0.3)
    store = store_of(folder)
    path = folder / "policy" / "inventory.yaml"
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.01):
            with path.open("a", encoding="utf-8") as file:
                file.write("# again\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        soon(lambda: store.current and "all the time" in store.problem)
    finally:
        stop.set()
        writer.join()
    soon(lambda: store.current and not store.problem)


def test_a_file_replaced_by_one_of_the_same_size_and_time(folder: Path) -> None:
    store = store_of(folder)
    path = folder / "policy" / "guards.yaml"
    edit(path, "tokens: []", "tokens: [one]")
    soon(lambda: tokens(store) == ("one",))
    status = path.stat()
    new = path.with_name("new")
    new.write_text(path.read_text("utf-8").replace("[one]", "[two]"), encoding="utf-8")
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    soon(lambda: tokens(store) == ("two",))


def mounted(folder: Path, version: str, files: dict[str, str]) -> None:
    """As a kubelet does it: a new folder, then one rename that swaps the link."""
    (folder / version).mkdir()
    for name, text in files.items():
        (folder / version / name).write_text(text, encoding="utf-8")
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").replace(folder / "..data")


def test_a_config_map_is_swapped_at_once_and_its_old_versions_are_not_read(folder: Path, tmp_path: Path) -> None:
    plain = {path.name: path.read_text("utf-8") for path in (folder / "policy").glob("*.yaml")}
    outside = PolicyStore(Settings(policy_dir=folder / "policy", playbooks_dir=folder / "playbooks")).current.digest
    mount = tmp_path / "mount"
    mount.mkdir()
    mounted(mount, "..2026_1", plain)
    for name in plain:
        (mount / name).symlink_to(f"..data/{name}")
    for path in (folder / "policy").iterdir():
        if path.is_dir():
            shutil.copytree(path, mount / path.name)
    store = PolicyStore(Settings(policy_dir=mount, playbooks_dir=folder / "playbooks"))
    assert store.current.digest == outside, "the same content is the same policy, wherever it is mounted"
    (mount / "..2026_1" / "broken.yaml").write_text("{", encoding="utf-8")
    mounted(mount, "..2026_2", {**plain, "guards.yaml": plain["guards.yaml"].replace("tokens: []", "tokens: [ceo]")})
    soon(lambda: tokens(store) == ("ceo",))
    mounted(mount, "..2026_3", {**plain, "routes.yaml": "version: routing/v1\n"})
    soon(lambda: store.current and "routes.yaml" in store.problem)
    assert tokens(store) == ("ceo",)


def test_a_new_file_in_a_folder_of_the_policy_is_seen_also_behind_a_link(folder: Path, tmp_path: Path) -> None:
    store = store_of(folder)
    good = store.current
    there = tmp_path / "elsewhere"
    there.mkdir()
    (folder / "policy" / "texts").symlink_to(there)
    (there / "our_words.j2").write_text("Our words\n", encoding="utf-8")
    soon(lambda: "our_words" in store.texts.names)
    assert store.current.digest != good.digest
    (there / "loop").symlink_to(there)
    (there / "our_words.j2").write_text("Others\n", encoding="utf-8")
    soon(lambda: store.texts.render("our_words", {}).title == "Others")


def test_what_editors_leave_lying_around_changes_nothing(folder: Path) -> None:
    store = store_of(folder)
    good = store.current
    (folder / "policy" / ".#routes.yaml").symlink_to("somebody@somewhere.4711")
    (folder / "policy" / ".routes.yaml.swp").write_bytes(b"\x00\xff")
    (folder / "policy" / "routes.yaml~").write_text("{", encoding="utf-8")
    (folder / "playbooks" / ".#x.yaml").symlink_to("nowhere")
    os.mkfifo(folder / "policy" / "pipe.yaml")
    time.sleep(0.3)
    assert store.current is good
    assert store.problem == ""


def test_a_deleted_playbook_is_gone_and_a_deleted_folder_is_not_obeyed(folder: Path) -> None:
    shutil.copy(ROOT / "playbooks" / "triage.yaml", folder / "playbooks")
    store = store_of(folder)
    (folder / "playbooks" / "triage.yaml").unlink()
    soon(lambda: "triage" not in store.current.playbooks.entries)
    kept = store.current
    (folder / "playbooks").rename(folder / "away")
    soon(lambda: store.current and "no playbook is left" in store.problem)
    assert store.current is kept
    (folder / "policy").rename(folder / "gone")
    soon(lambda: store.current and "C040" in store.problem)
    (folder / "gone").rename(folder / "policy")
    (folder / "away").rename(folder / "playbooks")
    soon(lambda: store.current and not store.problem)


def test_what_cannot_be_read_now_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(folder)
    edit(folder / "policy" / "guards.yaml", "tokens: []", "tokens: [tok-ceo]")

    def locked(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", locked)
        soon(lambda: store.current and "cannot be read (Permission denied)" in store.problem)
    soon(lambda: tokens(store) == ("tok-ceo",))
    assert store.problem == ""


def test_what_cannot_be_a_policy_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "policy" / "guards.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        store_of(folder)
    assert (caught.value.code, "guards.yaml is not UTF-8" in caught.value.message) == ("C041", True)
    monkeypatch.setattr(policy_files, "MAX_FILES", 2)
    with pytest.raises(ConfigError) as caught:
        store_of(folder)
    assert caught.value.code == "C041"


def test_a_policy_that_vanishes_while_it_is_read_ends_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(folder)
    good = store.current

    def vanish(self: PolicyStore, files: object) -> object:
        (folder / "policy").rename(folder / "gone")
        monkeypatch.setattr(policy, "look", refuse)
        raise ConfigError("half of it was read", code="C040")

    def refuse(settings: Settings) -> object:
        raise policy_files.NotNow("the folder cannot be read", code="C041")

    with monkeypatch.context() as patch:
        patch.setattr(PolicyStore, "_load", vanish)
        edit(folder / "policy" / "guards.yaml", "tokens: []", "tokens: [tok-ceo]")
        soon(lambda: store.current is good and "cannot be read" in store.problem)
    assert store.current is good


def test_a_failure_is_counted_and_said_once(folder: Path) -> None:
    store = store_of(folder)
    first = store.state
    edit(folder / "policy" / "guards.yaml", "version:", "versoin:")
    soon(lambda: store.current and store.problem)
    time.sleep(0.3)
    state = store.state if store.current else first
    assert (state.failures, state.digest, state.loaded_at) == (1, first.digest, first.loaded_at)
    assert "guards.yaml:" in state.problem


def test_a_watched_store_keeps_no_reader_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(folder)
    good, told = store.current, list[PolicyState]()

    def exchange(state: PolicyState) -> Sequence[PolicyUse]:
        told.append(state)
        return (PolicyUse("worker@b:1", state.digest, "", state.loaded_at, NOW),)

    store.watch(exchange)
    soon(lambda: store.fellows)
    load = PolicyStore._load

    def slowly(self: PolicyStore, files: object) -> object:
        time.sleep(2)
        return load(self, files)  # type: ignore[arg-type]

    monkeypatch.setattr(PolicyStore, "_load", slowly)
    edit(folder / "policy" / "guards.yaml", "tokens: []", "tokens: [tok-ceo]")
    longest = 0.0
    deadline = time.monotonic() + 20
    while store.current is good:
        begun = time.monotonic()
        assert begun < deadline
        store.current  # noqa: B018 - its time is what counts
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.005)
    assert longest < 1
    soon(lambda: told[-1].digest == store.current.digest)
    store.close()
    assert told[0].digest == good.digest


def use(process: str, digest: str, *, problem: str = "", age: float = 3600) -> PolicyUse:
    return PolicyUse(process, digest, problem, NOW - timedelta(seconds=age), NOW)


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        ([use("web@a:1", "1" * 64), use("worker@b:2", "1" * 64)], []),
        ([use("web@a:1", "1" * 64), use("worker@b:2", "2" * 64)], ["web@a 111111111111, worker@b 222222222222"]),
        ([use("web@a:1", "1" * 64), use("worker@b:2", "2" * 64, age=5)], []),
        ([use("worker@b:2", "1" * 64, problem="x:1:2"), use("worker@b:3", "1" * 64, problem="x:1:2")], ["worker@b: "]),
    ],
)
def test_what_people_are_told(uses: list[PolicyUse], said: list[str]) -> None:
    warnings = warnings_of(uses, NOW)
    assert len(warnings) == len(said)
    assert all(part in warning for part, warning in zip(said, warnings, strict=True))
