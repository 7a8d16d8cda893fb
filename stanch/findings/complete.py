"""A finding with the best template that is known for its path, and identities to match."""

from __future__ import annotations

from stanch.findings.identity import by_templates, correlation
from stanch.findings.model import Api, Finding
from stanch.findings.paths import parse_path
from stanch.findings.view import Inventory, facts_of


def complete(finding: Finding, inventory: Inventory | None) -> Finding:
    """Choose the template (specification, route rule, the tool's own, heuristic), then identities and correlation anew.

    Doing it again, or with a newer inventory, gives what doing it once would have given. The host of a resource is not
    written into the finding: two functions behind one API stay two problems. `uid` is that of the report and stays.
    """
    facts = facts_of(finding, inventory)
    template, basis = (facts.path_template, facts.template_basis) if facts.path_template else _own(finding.api)
    replaced = "" if basis == "declared" else _declared(finding.api)
    before = finding.api
    if (before.path_template, before.template_basis, before.tool_template) == (template, basis, replaced):
        return finding  # it was made with this template
    api = finding.api.model_copy(update={"path_template": template, "template_basis": basis, "tool_template": replaced})
    placed = finding.model_copy(update={"api": api})
    update = {"fingerprints": by_templates(placed), "correlation": correlation(placed)}
    return placed.model_copy(update=update)


def _declared(api: Api) -> str:
    return api.tool_template or (api.path_template if api.template_basis == "declared" else "")


def _own(api: Api) -> tuple[str, str]:
    declared = _declared(api)
    if declared:
        return declared, "declared"
    path = parse_path(api.path)
    return path.template, path.basis
