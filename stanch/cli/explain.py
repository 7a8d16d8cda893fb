"""`stanch explain`: why a finding or case becomes what it becomes; nothing is sent and nothing is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanch.shapes import is_dict, is_list

if TYPE_CHECKING:
    from stanch.explain import Known
    from stanch.findings import Finding
    from stanch.intake.redaction import Redactor
    from stanch.keys import Keys
    from stanch.records import Records
    from stanch.settings import Settings

_CASE = re.compile(r"case-[a-z2-7]{26}\Z")
Source = Annotated[str, typer.Option(help="The source that would send it; its name is part of a stable id.")]


def explain(
    target: Annotated[
        str, typer.Argument(help="A file with findings or a tool's report (- is standard input), or a case.")
    ],
    source: Source = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each finding.")] = False,
) -> None:
    """Say which problem, case, API, owner, playbook and mode a finding gets, and why."""
    from stanch.settings import load_settings

    settings = load_settings()
    keys = _keys(settings)
    known = _known(settings, keys)
    try:
        answers = list(_answers(target, source, known, keys))
    finally:
        if known.records is not None:
            known.records.close()
    for answer in answers:
        if as_json:
            typer.echo(json.dumps(answer))
        else:
            _show(answer)
    raise typer.Exit(0 if answers else 1)


def _answers(target: str, source: str, known: Known, keys: Keys | None) -> Iterator[dict[str, Any]]:
    from stanch.explain import explain as explained
    from stanch.intake.redaction import Redactor
    from stanch.sinks.terminal import safe_text

    if _CASE.match(target) and not Path(target).exists():
        yield from _of_case(target, known)
        return
    if target.startswith("case-") and not Path(target).exists():
        typer.echo(f"{safe_text(target, limit=80)} is no id of a case: `stanch case list` shows them", err=True)
        raise typer.Exit(2)
    redactor = Redactor(keys.redaction) if keys else Redactor()
    given = known.policy.sources.get(source)
    if source and given is None:
        typer.echo(f"there is no source '{source}'; known: {', '.join(known.policy.sources.by_name)}", err=True)
        raise typer.Exit(2)
    assurance = given.assurance.value if given else "A"
    for finding in findings_in(Path(target), source=source, known=known, redactor=redactor):
        yield explained(finding, known, assurance=assurance)


def _of_case(case: str, known: Known) -> Iterator[dict[str, Any]]:
    """The newest finding of a case, and everything the case is known as."""
    from dataclasses import asdict

    from stanch.errors import DependencyError
    from stanch.explain import explain as explained
    from stanch.findings import Finding

    if known.records is None:
        raise DependencyError("there are no records here", code="D010", hint="run this where Stanch runs")
    stored = known.records.findings(case)
    row = known.records.case(case)
    if not stored:
        typer.echo("there is no such case" if row is None else "no finding of this case is kept", err=True)
        return
    finding = Finding.model_validate(stored[-1].body)
    answer = explained(finding, known, assurance=finding.metadata.assurance.value)
    aliases = [{**asdict(item), "at": item.at.isoformat()} for item in known.records.aliases_of(case)]
    yield {**answer, "findings": len(stored), "known_as": aliases}


def findings_in(
    path: Path, *, source: str = "", known: Known | None = None, redactor: Redactor | None = None
) -> list[Finding]:
    """The findings of a tool's report, of our own form, or as `stanch findings` prints them.

    Raises:
        IntakeError: the body is no JSON, or nothing in it is a finding.
    """
    from stanch.cli.findings import read_body
    from stanch.errors import IntakeError
    from stanch.findings import Assurance, Origin
    from stanch.intake.bodies import parse_documents
    from stanch.sources import extract

    body = read_body(path)
    documents = parse_documents(body)
    if documents and all(is_dict(item) and "finding_info" in item for item in documents):
        return [_canonical(item) for item in documents]
    given = known.policy.sources.get(source) if known else None
    library = known.policy.sources.library if known else None
    assurance = given.assurance if given else Assurance.C
    origin = Origin(source_id=source, received=datetime.now(UTC), assurance=assurance)
    found = extract(body, adapter=given.adapter if given else None, library=library, redactor=redactor, origin=origin)
    for item in found.quarantined:
        typer.echo(f"quarantined: {item.reason.value}: {item.message}", err=True)
    if not found.findings:
        raise IntakeError("nothing here is a finding", hint="`stanch findings FILE` says more")
    return list(found.findings)


def _canonical(item: Any) -> Finding:
    from pydantic import ValidationError

    from stanch.errors import IntakeError
    from stanch.findings import Finding

    try:
        return Finding.model_validate(item)
    except ValidationError:
        raise IntakeError("this is not a canonical finding", hint="`stanch findings FILE` prints them") from None


def _keys(settings: Settings) -> Keys | None:
    """The keys of this deployment; None where they cannot be had here."""
    from stanch.cli.local import keys_here
    from stanch.errors import ConfigError

    try:
        return keys_here(settings)
    except ConfigError:
        return None


def _known(settings: Settings, keys: Keys | None) -> Known:
    from stanch.explain import Known
    from stanch.policy import PolicyStore

    policy = PolicyStore(settings).current
    key = keys.cases if keys else None
    return Known(policy=policy, now=datetime.now(UTC), key=key, records=_records(settings, keys))


def _records(settings: Settings, keys: Keys | None) -> Records | None:
    """The records where they can be read here; a database that is not there is not made."""
    from stanch.errors import StanchError
    from stanch.records import Records

    url = settings.url_of_records
    if keys is None or (url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file()):
        return None
    try:
        return Records(url, keys.ledger)
    except StanchError as error:
        typer.echo(f"records are not read: {error.message}", err=True)
        return None


def _show(answer: dict[str, Any]) -> None:
    """A heading for each part, its facts in lines below."""
    from stanch.sinks.terminal import safe_text

    for part, facts in answer.items():
        typer.echo(safe_text(part.replace("_", " ")))
        for line in _lines(facts):
            typer.echo("  " + safe_text(line, limit=500, lines=True).replace("\n", " "))


def _lines(facts: Any) -> Iterator[str]:
    if is_dict(facts):
        for name, value in facts.items():
            if value not in ("", None, [], {}):
                yield f"{str(name).replace('_', ' '):<16}{_words(value)}"
    elif is_list(facts):
        for item in facts:
            yield _words(item)
    else:
        yield str(facts)


def _words(value: Any) -> str:
    if is_dict(value):
        inner = {name: item for name, item in value.items() if item not in ("", None, [], {})}
        return ", ".join(f"{name} {_words(item)}" for name, item in inner.items())
    if is_list(value):
        return "; ".join(_words(item) for item in value) or "nothing"
    return str(value)
