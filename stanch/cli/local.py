"""What commands share that work on records themselves, on a machine that has the deployment's settings."""

from __future__ import annotations

import getpass
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stanch.keys import Keys
    from stanch.records import Records
    from stanch.settings import Settings


def keys_here(settings: Settings) -> Keys | None:
    """The keys of this deployment; None where they are not here. None are made.

    Raises:
        ConfigError: `case_key` names nothing.
    """
    from stanch.keys import Keys

    if not settings.case_key and not (settings.data_dir / "case.key").is_file():
        return None
    return Keys(settings)


def needed_keys(settings: Settings) -> Keys:
    """The keys of this deployment.

    Raises:
        ConfigError: `case_key` names nothing.
        DependencyError: they are not here.
    """
    from stanch.errors import DependencyError

    keys = keys_here(settings)
    if keys is None:
        hint = "run this where stanch.toml and the data folder are; an exported ledger is checked with its --key"
        raise DependencyError("the keys of this deployment are not here", code="D010", hint=hint)
    return keys


@contextmanager
def opened() -> Generator[tuple[Records, Keys]]:
    """Records and keys of this deployment.

    Raises:
        ConfigError: the settings or keys are not usable.
        DependencyError: records cannot be reached, or they or the keys are not there: nothing is said of new ones.
    """
    from stanch.errors import DependencyError
    from stanch.records import Records, is_missing
    from stanch.settings import FILE_VARIABLE, file_of_settings, load_settings

    settings = load_settings()
    if is_missing(settings.url_of_records):
        hint = f"run this where stanch.toml is, or set {FILE_VARIABLE}; now it is {file_of_settings().absolute()}"
        raise DependencyError("there are no records here", code="D010", hint=hint)
    keys = needed_keys(settings)
    records = Records(settings.url_of_records, keys.ledger)
    try:
        yield records, keys
    finally:
        records.close()


def actor_of(stated: str) -> str:
    """Who the ledger names: as stated, and always whose login it was on this machine."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        login = "unknown"
    return f"{stated} (login {login})" if stated else f"login:{login}"
