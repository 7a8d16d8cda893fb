"""Secrets by reference: `secret://env/NAME` and `secret://file/PATH`, resolved where they are used and kept nowhere."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from stanch.errors import ConfigError

SCHEME = "secret://"


def resolve(reference: str) -> str:
    """The secret behind a reference.

    Raises:
        ConfigError: C020 it is not a reference, C021 the store is not supported, C022 there is nothing there.
    """
    if not reference.startswith(SCHEME):
        raise ConfigError("a secret must be given by reference", code="C020", hint="write secret://env/NAME")
    store, _, name = reference.removeprefix(SCHEME).partition("/")
    match store:
        case "env":
            value = os.environ.get(name, "")
        case "file":
            value = _read(Path("/" + name.lstrip("/")) if name.startswith("/") else Path(name))
        case _:
            raise ConfigError(f"secret store {store!r} is not supported", code="C021", hint="use env or file")
    if not value:
        raise ConfigError(f"{reference} is empty or missing", code="C022", hint=f"set it in {store}")
    return value


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):  # not there, not readable, or not text
        return ""


def key_file(path: Path) -> str:
    """A key of this deployment, made once, readable by its owner only; two processes that start together agree."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # whole, and only where nobody was first
        draft.unlink()
    return path.read_text(encoding="utf-8").strip()
