"""What the settings know of hosts, as findings are completed from it."""

from __future__ import annotations

from stanch.findings import ApiFacts
from stanch.settings import Settings


class SettingsInventory:
    """The `inventory` section of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def facts(self, *, host: str, method: str, path: str, resource: str) -> ApiFacts | None:
        """What is known of a host; None where it has no entry."""
        entry = self._settings.inventory_of(host)
        if entry is None:
            return None
        return ApiFacts(host=host, criticality=entry.criticality, business_owner=entry.business_owner)
