"""`stanch list`: who and what is on the named lists now, for whom, and for how long."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stanch.cli.client import Json, Url, api, show_json, show_rows
from stanch.cli.lease import left
from stanch.lease_words import member_words
from stanch.leases import MemberSpec

app = typer.Typer(help="Named lists that joins deny.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def lists() -> None:
    """Named lists that joins deny."""


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="[LIST]", help="Only this list.")] = "",
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Members, soonest end first, with whoever holds them."""
    rows = api(url).get("/v1/leases", {"live": "true"}, part="leases")["leases"]
    found = [row for row in rows if row["lease"]["spec"].get("kind") == "member"]
    found = [row for row in found if name in ("", row["lease"]["spec"]["list"])]
    if as_json:
        return show_json({"members": found})
    titles = ("list", "member", "state", "left", "join", "point", "case", "lease")
    none = f"nobody and nothing is on {name or 'any list'} now; lists are declared in lists.yaml of the policy folder"
    return show_rows(titles, map(_row, found), none=none)


def _row(row: dict[str, Any]) -> list[object]:
    lease = row["lease"]
    spec = lease["spec"]
    where = [spec["join"], lease["point"], lease["case_id"], lease["lease_id"]]
    return [spec["list"], member_words(MemberSpec.model_validate(spec)), row["state"], left(lease), *where]
