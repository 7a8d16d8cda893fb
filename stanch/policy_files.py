"""Which files make up the policy, and whether any of them has changed: replaced, remounted, added or gone."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stanch.canonical import digest
from stanch.errors import ConfigError
from stanch.settings import Settings

MAX_FILES = 5_000
MAX_BYTES = 64 * 1024 * 1024  # OpenAPI files of an inventory may be large; each loader has closer limits
_POLICY = (".yaml", ".yml", ".json", ".j2")
_PLAYBOOKS = (".yaml", ".yml")

Stamp = tuple[int, int, int, int, int]


class NotNow(ConfigError):
    """A file cannot be read at the moment; it may be a minute later."""


@dataclass(frozen=True)
class PolicyFiles:
    """The files by name (`policy/routes.yaml`), the same on every machine that has the same folder.

    Hidden names are left out: editors keep locks and half-written copies there, and Kubernetes the versions of a
    mounted ConfigMap, of which the plain names show the newest.
    """

    paths: Mapping[str, Path]
    stamps: Mapping[str, Stamp]

    def digest(self) -> str:
        """Of names and content.

        Raises:
            ConfigError: C041, a file is too large or not text.
            NotNow: C041, one of them cannot be read.
        """
        return digest({name: _content(path) for name, path in self.paths.items()})


def look(settings: Settings) -> PolicyFiles:
    """The files as they are now; nothing is opened.

    Raises:
        ConfigError: C041, there are too many.
        NotNow: C041, a folder cannot be listed.
    """
    found: dict[str, Path] = {}
    try:
        for name, path in _listed(settings):
            found[name] = path
            if len(found) > MAX_FILES:
                raise _unfit(f"the policy folder holds more than {MAX_FILES:,} files")
        stamps = {name: stamp for name, path in found.items() if (stamp := _stamp(path)) is not None}
    except OSError as error:
        raise _unreadable(str(error.filename or settings.policy_dir), error) from None
    return PolicyFiles({name: found[name] for name in stamps}, stamps)


def _listed(settings: Settings) -> Iterator[tuple[str, Path]]:
    for path in _below(settings.policy_dir, _POLICY, seen=set()):
        yield f"policy/{path.relative_to(settings.policy_dir).as_posix()}", path
    for path in _visible(settings.playbooks_dir):
        if path.suffix in _PLAYBOOKS:
            yield f"playbooks/{path.name}", path


def _below(folder: Path, suffixes: tuple[str, ...], *, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Files of a folder and of those in it; links are followed, each folder once."""
    status = folder.stat() if folder.exists() else None
    if status is None or (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for path in _visible(folder):
        if path.is_dir():
            yield from _below(path, suffixes, seen=seen)
        elif path.suffix in suffixes:
            yield path


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _stamp(path: Path) -> Stamp | None:
    """What changes with any way of writing a file, also when time and size stay; None where it is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None  # opening a pipe would wait for ever
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unfit(f"{path} is larger than {MAX_BYTES // (1024 * 1024)} MB")
        content = path.read_bytes()
        content.decode()
    except OSError as error:
        raise _unreadable(str(path), error) from None
    except UnicodeDecodeError:
        raise _unfit(f"{path} is not UTF-8 text") from None
    return hashlib.sha256(content).hexdigest()


def _unfit(message: str) -> ConfigError:
    return ConfigError(message, code="C041", hint="keep policy in the policy folder and nothing else")


def _unreadable(place: str, error: OSError) -> NotNow:
    hint = "let the account that runs Stanch read it"
    return NotNow(f"{place} cannot be read ({error.strerror or type(error).__name__})", code="C041", hint=hint)
