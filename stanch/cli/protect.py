"""`stanch protect`: the never-block list, as guards.yaml has it and as it was added to at run time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from stanch.cli.client import By, Json, Reason, Url, api, safe, show_json, show_rows
from stanch.shapes import is_dict

PROTECTED = 5

app = typer.Typer(help="What may never be blocked.", no_args_is_help=True, pretty_exceptions_enable=False)
Kind = Annotated[str, typer.Argument(help="ip, user, client, token, host or path.")]
Value = Annotated[str, typer.Argument(help="An address or network, a name, a host or *.domain, a path.")]


@app.command()
def add(kind: Kind, value: Value, reason: Reason = "", by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Protect something at once, in every process; a block that stands is not lifted by it."""
    answer = api(url, by).post("/v1/protect", {"kind": kind, "value": value, "reason": reason})
    _say(answer, as_json=as_json)


@app.command()
def remove(kind: Kind, value: Value, reason: Reason = "", by: By = "", url: Url = "", as_json: Json = False) -> None:
    """Take off what was added here; status 1 where it was not. Entries of guards.yaml are changed there."""
    answer = api(url, by).post("/v1/protect/remove", {"kind": kind, "value": value, "reason": reason})
    _say(answer, as_json=as_json)
    raise typer.Exit(0 if answer.get("status") == "removed" else 1)


@app.command()
def check(kind: Kind, value: Value, url: Url = "", as_json: Json = False) -> None:
    """Whether a block of this would be refused: status 5 where it is protected, 0 where it is not."""
    answer = api(url).post("/v1/protect/check", {"kind": kind, "value": value}, part="by")
    if as_json:
        show_json(answer)
    for item in () if as_json else answer["by"]:
        typer.echo(safe(f"{item['code']} {item['message']}", limit=600))
    if not as_json and not answer["protected"]:
        typer.echo("not protected")
    raise typer.Exit(PROTECTED if answer["protected"] else 0)


@app.command("list")
def list_protected(url: Url = "", as_json: Json = False) -> None:
    """Everything that is protected, and where that is written."""
    answer = api(url).get("/v1/protect", part="added")
    if as_json:
        return show_json(answer)
    return show_rows(("kind", "value", "from", "by", "why"), _rows(answer))


def _rows(answer: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    written: dict[str, list[Any]] = answer["guards"] or {}
    for words, entries in written.items():
        for entry in entries:
            value = f"{entry['host']} {entry['path']}" if is_dict(entry) else entry
            yield (words.removesuffix("s"), value, "guards.yaml", "", "")
    for item in answer["added"]:
        yield (item["kind"], item["value"], f"run time, {item['at'][:10]}", item["by"], item["reason"])


def _say(answer: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
    else:
        typer.echo(safe(f"{answer.get('status')}: {answer.get('kind')} {answer.get('value')}", limit=600))
