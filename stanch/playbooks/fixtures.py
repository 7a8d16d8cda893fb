"""The findings that tests of playbooks name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stanch.errors import ConfigError
from stanch.findings import check_finding, parse_view
from stanch.views import FindingView


def finding_of(source: str | Mapping[str, Any], folder: Path) -> FindingView:
    """A finding written in the test or in a file beside the playbook.

    Raises:
        ConfigError: P403, there is no such file or it is not JSON.
        IntakeError: it is not a finding.
    """
    return parse_view(_data(source, folder))


def check_fixture(source: str | Mapping[str, Any], folder: Path) -> None:
    """The same without the finding; raises as `finding_of` does."""
    check_finding(_data(source, folder))


def _data(source: str | Mapping[str, Any], folder: Path) -> Any:
    if isinstance(source, Mapping):
        return source
    try:
        return json.loads((folder / source).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"there is no fixture {source}", code="P403") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"fixture {source} is not JSON", code="P403") from None
