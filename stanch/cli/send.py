"""`stanch send`: signs a finding file, posts it, and prints the cases it belongs to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from stanch.cli.findings import read_body
from stanch.shapes import is_dict, is_list

if TYPE_CHECKING:
    import httpx

_TIMEOUT_SECONDS = 20.0


def send(
    file: Annotated[Path, typer.Argument(help="A finding, NDJSON or a tool's report; - reads standard input.")],
    source: Annotated[str, typer.Option(help="The source's name in policy/sources.yaml.")],
    url: Annotated[str, typer.Option(envvar="STANCH_URL", help="Where Stanch listens; else as in stanch.toml.")] = "",
    secret: Annotated[
        str, typer.Option(envvar="STANCH_SEND_SECRET", help="whsec_..., or secret://env/NAME, secret://file/PATH.")
    ] = "",
    delivery_id: Annotated[str, typer.Option(help="Repeat an earlier delivery under its id.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Sign a file with Standard Webhooks, post it to a source and print the cases."""
    body = read_body(file)
    headers = _headers(body, secret=secret, delivery_id=delivery_id or f"msg_{uuid4().hex}")
    where = (url or _own_url()).rstrip("/")
    response = _posted(f"{where}/v1/findings/{source}", body, headers)
    answer = _answer(response)
    if response.status_code != 202:
        raise _refused(response.status_code, answer, as_json=as_json)
    _print(answer, as_json=as_json)
    raise typer.Exit(_status(answer))


def _own_url() -> str:
    """Where the settings of this folder let Stanch listen."""
    from stanch.settings import load_settings

    return load_settings().web.url


def _headers(body: bytes, *, secret: str, delivery_id: str) -> dict[str, str]:
    from stanch.errors import ConfigError
    from stanch.intake.signatures import sign
    from stanch.secrets import SCHEME, resolve

    headers = {"content-type": _media_type(body)}
    if not secret:
        typer.echo("no --secret given: sending unsigned", err=True)
        return headers | {"webhook-id": delivery_id}
    try:
        key = resolve(secret) if secret.startswith(SCHEME) else secret
        return headers | sign(body, secret=key, delivery_id=delivery_id, now=datetime.now(UTC))
    except ConfigError as error:
        raise _exit(2, f"{error} ({error.hint})" if error.hint else str(error)) from None


def _media_type(body: bytes) -> str:
    try:
        json.loads(body)
    except ValueError:
        return "application/x-ndjson"
    return "application/json"


def _posted(url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    import httpx

    try:
        return httpx.post(url, content=body, headers=headers, timeout=_TIMEOUT_SECONDS, follow_redirects=False)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise _exit(2, f"not a usable address: {url}") from None
    except httpx.TimeoutException:
        raise _exit(4, f"no answer within {_TIMEOUT_SECONDS:.0f} s; it is safe to send the file again") from None
    except httpx.HTTPError:
        raise _exit(4, f"cannot reach {url}: is `stanch serve` running there?") from None


def _answer(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if is_dict(answer) else {}


def _refused(status: int, answer: dict[str, Any], *, as_json: bool) -> typer.Exit:
    """The exit for an answer that is not 202: try again later (4), correct the file (3), or no (1)."""
    if as_json:
        typer.echo(json.dumps({"status": status, **answer}))
    code = 4 if status >= 500 or status in (404, 408, 429) else 3 if status in (400, 413, 415, 422) else 1
    words = [f"refused with {status}", *(str(answer[name]) for name in ("title", "detail", "hint") if answer.get(name))]
    return _exit(code, ": ".join(words))


def _print(answer: dict[str, Any], *, as_json: bool) -> None:
    from stanch.sinks.terminal import safe_text

    if as_json:
        typer.echo(json.dumps(answer))
        return
    if answer.get("status") == "batch":
        typer.echo(safe_text(f"delivery {answer.get('delivery_id')}: {answer.get('count')} findings accepted"))
    for item in _results(answer):
        words = (
            item.get("case_id") or "-",
            item.get("finding_id") or "-",
            item.get("status"),
            item.get("reason") or "",
        )
        typer.echo(safe_text(" ".join(str(word) for word in words)).rstrip())


def _results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    listed = answer.get("results")
    return [item for item in listed if is_dict(item)] if is_list(listed) else []


def _status(answer: dict[str, Any]) -> int:
    kept = [item.get("status") == "quarantined" for item in _results(answer)]
    if not any(kept):
        return 0
    return 1 if all(kept) else 7


def _exit(code: int, message: str) -> typer.Exit:
    from stanch.sinks.terminal import safe_text

    typer.echo(safe_text(message, limit=600), err=True)
    return typer.Exit(code)
