"""The findings that tests of playbooks name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stanch.errors import ConfigError
from stanch.findings import parse_view
from stanch.views import FindingView


def finding_of(source: str | Mapping[str, Any], folder: Path) -> FindingView:
    """A finding written in the test or in a file beside the playbook.

    Raises:
        ConfigError: P403, there is no such file or it is not JSON.
        IntakeError: it is not a finding.
    """
    if isinstance(source, Mapping):
        return parse_view(source)
    try:
        data = json.loads((folder / source).read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no fixture {source}", code="P403") from None
    except ValueError:
        raise ConfigError(f"fixture {source} is not JSON", code="P403") from None
    return parse_view(data)
