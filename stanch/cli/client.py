"""The CLI's way to the API: where it is, the token of this machine, and problems as words and exit codes."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanch.shapes import is_dict

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 20.0
MAX_FACT = 20_000
AS_VARIABLE = "STANCH_AS"
TOKEN_VARIABLE = "STANCH_API_TOKEN"  # noqa: S105 - a name, not a token
TOKEN_HINT = f"the token is not that of this service: see {TOKEN_VARIABLE}, or api.token in its data_dir"
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)

Url = Annotated[str, typer.Option("--url", envvar="STANCH_URL", help="Where Stanch listens; else as in stanch.toml.")]
By = Annotated[str, typer.Option("--as", envvar=AS_VARIABLE, help="Who you are, such as user:maria.")]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")]


@dataclass(frozen=True)
class Api:
    """One API, and the person it is used for."""

    url: str
    token: str = field(repr=False)
    by: str = ""

    def get(
        self, path: str, query: Mapping[str, str | int | Sequence[str]] | None = None, *, part: str
    ) -> dict[str, Any]:
        """A JSON answer, empty query values left out; leaves with an exit code where there is none.

        Args:
            path: of the API.
            query: values of it.
            part: what Stanch's own answer has in it.
        """
        given = {name: value for name, value in (query or {}).items() if value not in ("", (), [])}
        return self._answer("GET", path, params=given, part=part)

    def post(self, path: str, body: Mapping[str, Any], *, part: str = "status") -> dict[str, Any]:
        return self._answer("POST", path, body=body, part=part)

    def _answer(
        self,
        method: str,
        path: str,
        *,
        part: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        import httpx

        headers = {"authorization": f"Bearer {self.token}", "stanch-via": "cli"}
        headers |= {"stanch-as": self.by} if self.by else {}
        try:
            with httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                response = client.request(method, path, params=params, json=body, headers=headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise leave(2, f"not a usable address: {self.url}") from None
        except httpx.HTTPError:
            raise leave(4, f"cannot reach {self.url}: is `stanch serve` running there?") from None
        return _read(response, part)


def api(url: str, by: str = "") -> Api:
    """The API that options, environment and settings name.

    Raises:
        ConfigError: the settings are wrong.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if url and token:
        return Api(url.rstrip("/"), token, by)
    from stanch.settings import load_settings

    settings = load_settings()
    return Api((url or settings.web.url).rstrip("/"), token or _token(settings.data_dir), by)


def _token(data_dir: Path) -> str:
    try:
        return (data_dir / "api.token").read_text(encoding="utf-8").strip()
    except OSError:
        hint = f"run this where Stanch runs, or set {TOKEN_VARIABLE}"
        raise leave(4, f"there is no {data_dir / 'api.token'}; {hint}") from None


def in_path(text: str, what: str) -> str:
    """An id as one part of a path; leaves where it cannot be one, as of a variable that is not set."""
    if not _ID.fullmatch(text):
        given = f"{text!r} is no id of a {what}" if text.strip() else f"the id of the {what} is empty"
        raise leave(2, f"{given}: `stanch {what} list` shows them")
    return text


def _read(response: httpx.Response, part: str) -> dict[str, Any]:
    try:
        given = response.json()
    except ValueError:
        given = None
    answer: dict[str, Any] = given if is_dict(given) else {}
    if response.status_code >= 400:
        raise _refused(response, answer)
    if response.status_code >= 300 or part not in answer:
        raise leave(4, f"what answers at {_origin(response)} is not Stanch: see --url, STANCH_URL and web.port")
    return answer


def _origin(response: httpx.Response) -> str:
    return str(response.url.copy_with(path="/", query=None))


def _refused(response: httpx.Response, answer: Mapping[str, Any]) -> typer.Exit:
    status, code = response.status_code, str(answer.get("code", ""))
    if not code:
        return leave(4, f"refused with {status} by {_origin(response)}, in words that are not Stanch's: see --url")
    hint = {"hint": TOKEN_HINT} if code == "W001" else {}
    return leave(exit_code(status, code), f"{code} {answer.get('detail', '')}{_hint({**answer, **hint})}")


def _hint(answer: Mapping[str, Any]) -> str:
    place, hint = answer.get("place", ""), answer.get("hint", "")
    return (f" at {place}" if place else "") + (f" ({hint})" if hint else "")


def exit_code(status: int, code: str) -> int:
    """1 no, 2 the request was wrong, 4 not reachable now, 5 a guard refused."""
    if code.startswith("G"):
        return 5
    if status in (400, 413, 415, 422):
        return 2
    return 4 if status >= 500 or status in (408, 421, 429) else 1


def leave(code: int, message: str) -> typer.Exit:
    """The exit, with a word on standard error."""
    typer.echo(safe(message, limit=600), err=True)
    return typer.Exit(code)


def safe(value: object, *, limit: int = 200) -> str:
    """Anything as one harmless line."""
    from stanch.sinks.terminal import safe_text

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return safe_text(text, limit=limit)


def show_json(answer: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(answer))


def show_rows(titles: Sequence[str], rows: Iterable[Sequence[object]], *, none: str = "") -> None:
    """A table on a terminal, tab-separated lines in a pipe; every cell is harmless.

    Args:
        titles: of the columns.
        rows: of the table.
        none: what to say on standard error where there is no row.
    """
    cells = [[safe(cell) if cell not in (None, "") else "-" for cell in row] for row in rows]
    if not cells and none:
        return typer.echo(safe(none, limit=600), err=True)
    if not sys.stdout.isatty():
        for row in cells:
            typer.echo("\t".join(row))
        return None
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(Text(title), overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    return Console(highlight=False).print(table)


def show_facts(facts: Iterable[tuple[str, object]], *, err: bool = False) -> None:
    """`name: value` lines, in full; empty values are left out."""
    shown = [(safe(name), safe(value, limit=MAX_FACT)) for name, value in facts if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{name.ljust(width)}  {value}", err=err)
