"""What commands share that work on records themselves, on a machine that has the deployment's settings."""

from __future__ import annotations

import getpass
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stanch.keys import Keys
    from stanch.records import Records


@contextmanager
def opened() -> Generator[tuple[Records, Keys]]:
    """Records and keys of this deployment.

    Raises:
        ConfigError: the settings or keys are not usable.
        DependencyError: records cannot be reached.
    """
    from stanch.keys import Keys
    from stanch.records import Records
    from stanch.settings import load_settings

    settings = load_settings()
    keys = Keys(settings)
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
