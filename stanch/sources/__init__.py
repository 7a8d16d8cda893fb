"""Sources: adapters that turn the reports of tools into findings, without a line of Python per tool."""

from stanch.sources.adapter import Adapter, load_adapter
from stanch.sources.extract import extract
from stanch.sources.library import Library, load_library, shipped
from stanch.sources.results import Extraction, Quarantined, Reason

__all__ = [
    "Adapter",
    "Extraction",
    "Library",
    "Quarantined",
    "Reason",
    "extract",
    "load_adapter",
    "load_library",
    "shipped",
]
