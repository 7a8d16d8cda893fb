"""`stanch original`: the body of a delivery as it arrived, for evidence; each look is in the ledger."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanch.cli.client import By, Json, leave, show_facts
from stanch.cli.local import actor_of, opened

if TYPE_CHECKING:
    from stanch.records import Opened

app = typer.Typer(help="Kept originals of deliveries.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def originals() -> None:
    """Kept originals of deliveries."""


@app.command()
def show(
    delivery: Annotated[str, typer.Argument(help="The delivery's id, as its answer and its findings name it.")],
    source: Annotated[str, typer.Option(help="The source that sent it.")],
    reason: Annotated[str, typer.Option(help="Why you look; kept in the ledger of each case it concerns.")],
    out: Annotated[Path | None, typer.Option(help="Write the exact bytes to this new file instead.")] = None,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Open the original of a delivery: not redacted."""
    if not reason.strip():
        raise leave(2, "say why with --reason")
    if out is not None and out.exists():
        raise leave(2, f"{out} exists")
    with opened() as (records, keys):
        found = records.open_original(
            source, delivery, actor=actor_of(by), reason=reason, at=datetime.now(UTC), keys=keys.sealing
        )
    if out is not None:
        _write(out, found.body)
    if as_json:
        typer.echo(json.dumps(_facts(found) | {"body": base64.b64encode(found.body).decode() if out is None else None}))
        return
    show_facts(_facts(found).items(), err=True)
    if out is None:
        typer.echo(_printable(found.body))


def _facts(found: Opened) -> dict[str, object]:
    return {
        "received": found.at.isoformat(),
        "media_type": found.media_type,
        "size": len(found.body),
        "sha256": found.body_digest,
        "cases": list(found.holders),
    }


def _write(path: Path, body: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
    except OSError as error:
        raise leave(2, f"{path} cannot be written: {error.strerror}") from None


def _printable(body: bytes) -> str:
    """The body as lines without control characters."""
    from stanch.sinks.terminal import safe_text

    text = body.decode("utf-8", "replace")
    return "\n".join(safe_text(line, limit=len(line) + 1) for line in text.splitlines())
