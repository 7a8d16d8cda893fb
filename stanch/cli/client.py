"""The CLI's way to the API: where it is, the token of this machine, and problems as words and exit codes."""

from __future__ import annotations

import json
import os
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

    def get(self, path: str, query: Mapping[str, str | int | Sequence[str]] | None = None) -> dict[str, Any]:
        """A JSON answer, empty query values left out; leaves with an exit code where there is none."""
        given = {name: value for name, value in (query or {}).items() if value not in ("", (), [])}
        return self._answer("GET", path, params=given)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer("POST", path, body=body)

    def _answer(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
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
        return _read(response)


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
    where = url or f"http://{settings.web.host}:{settings.web.port}"
    return Api(where.rstrip("/"), token or _token(settings.data_dir), by)


def _token(data_dir: Path) -> str:
    try:
        return (data_dir / "api.token").read_text(encoding="utf-8").strip()
    except OSError:
        hint = f"run this where Stanch runs, or set {TOKEN_VARIABLE}"
        raise leave(4, f"there is no {data_dir / 'api.token'}; {hint}") from None


def _read(response: httpx.Response) -> dict[str, Any]:
    try:
        given = response.json()
    except ValueError:
        given = None
    answer: dict[str, Any] = given if is_dict(given) else {}
    if response.status_code >= 400:
        raise _refused(response.status_code, answer)
    return answer


def _refused(status: int, answer: Mapping[str, Any]) -> typer.Exit:
    parts = [str(answer[name]) for name in ("code", "detail") if answer.get(name)]
    words = " ".join(parts) or f"refused with {status}"
    return leave(exit_code(status, str(answer.get("code", ""))), words + _hint(answer))


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


def show_rows(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, tab-separated lines in a pipe; every cell is harmless."""
    cells = [[safe(cell) if cell not in (None, "") else "-" for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(Text(title), overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


def show_facts(facts: Iterable[tuple[str, object]], *, err: bool = False) -> None:
    """`name: value` lines, in full; empty values are left out."""
    shown = [(safe(name), safe(value, limit=MAX_FACT)) for name, value in facts if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{name.ljust(width)}  {value}", err=err)
