"""The finding: canonical model, strict report form, identities, and the view that rules see."""

from stanch.findings.canonical import Origin, to_finding
from stanch.findings.complete import complete
from stanch.findings.enums import Assurance, FindingStatus, severity_word
from stanch.findings.fixtures import check_finding, parse_finding, parse_view
from stanch.findings.hosts import parse_host
from stanch.findings.identity import actor_key, case_id
from stanch.findings.model import SCHEMA, Finding
from stanch.findings.paths import parse_path
from stanch.findings.report import FindingReport
from stanch.findings.view import ApiFacts, Inventory, view_of

__all__ = [
    "SCHEMA",
    "ApiFacts",
    "Assurance",
    "Finding",
    "FindingReport",
    "FindingStatus",
    "Inventory",
    "Origin",
    "actor_key",
    "case_id",
    "check_finding",
    "complete",
    "parse_finding",
    "parse_host",
    "parse_path",
    "parse_view",
    "severity_word",
    "to_finding",
    "view_of",
]
