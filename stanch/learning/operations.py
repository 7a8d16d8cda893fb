"""The operations of an inventory or an OpenAPI file, one for each host, path and method, with their line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stanch.documents import Document, load
from stanch.errors import ConfigError
from stanch.inventory import (
    VERSION,
    ApiInventory,
    ApiWords,
    Specification,
    is_openapi,
    load_inventory,
    read_documents,
    read_openapi,
)
from stanch.routing import RouteTable
from stanch.shapes import is_dict

MAX_BYTES = 64 * 1024 * 1024
MAX_OPERATIONS = 500_000
_SPEC_LINE = re.compile(r"""^\s*(?:-\s*)?["']?(/[^"'\s]*?)["']?\s*:""")


@dataclass(frozen=True)
class Operation:
    """Something that a finding can be about.

    Args:
        host: exact, or a pattern of the inventory.
        path: a template; one that ends in `/**` stands for everything below.
        method: "" where the file does not say.
        line: in the file that names it, 0 where that is not known.
    """

    host: str
    path: str
    method: str = ""
    environment: str = ""
    line: int = 0


@dataclass(frozen=True)
class Listed:
    """The operations of a file, and what could not be counted."""

    operations: tuple[Operation, ...]
    notes: tuple[str, ...] = ()


def operations_of(path: Path, *, routes: RouteTable | None = None, hosts: tuple[str, ...] = ()) -> Listed:
    """Everything that an inventory or an OpenAPI file (2.0, 3.0, 3.1) names.

    Args:
        path: of the file.
        routes: whose directory owners of an inventory must be in.
        hosts: where an OpenAPI file is served, in place of its own servers.

    Raises:
        ConfigError: it cannot be read, or is neither; I112 also for a file that names no host.
    """
    text = text_of(path)
    documents = read_documents(text, str(path))
    if len(documents) == 1 and is_openapi(documents[0]):
        return _of_specification(read_openapi(text, str(path)), path, text, hosts)
    if is_inventory(documents):
        return _of_inventory(load_inventory(path, routes=routes), path, text)
    raise ConfigError(f"{path} is neither an inventory nor OpenAPI", code="I112", hint="see docs/routes.md")


def is_inventory(documents: Sequence[object]) -> bool:
    return len(documents) == 1 and is_dict(documents[0]) and str(documents[0].get("version", "")) == VERSION


def text_of(path: Path) -> str:
    """A text file of bounded size.

    Raises:
        ConfigError: I110.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES:,} bytes", code="I110", hint="split it")
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} is not readable UTF-8 text", code="I110", hint="name a text file") from None


def _of_specification(found: Specification, path: Path, text: str, hosts: tuple[str, ...]) -> Listed:
    served = hosts or tuple(dict.fromkeys(_hosts_of(found)))
    if not served:
        raise ConfigError(f"{path} names no host", code="I112", hint="say with --host where it is served")
    return Listed(_few(_specified(found, served, lines=_lines_of(text)), path))


def _hosts_of(found: Specification) -> Iterator[str]:
    yield from (server.host for server in found.servers if server.host)
    for operation in found.operations:
        yield from (server.host for server in operation.servers if server.host)


def _specified(
    found: Specification,
    hosts: tuple[str, ...],
    *,
    lines: dict[str, int] | None = None,
    base: str | None = None,
    environment: str = "",
    line: int = 0,
) -> Iterator[Operation]:
    """Each operation at each host that serves it, under the base paths of just that host."""
    for operation in found.operations:
        at = (lines or {}).get(operation.path, line)
        one = Specification(servers=found.servers, operations=(operation,))
        for host in hosts:
            for path in one.templates((host,), base):
                for method in operation.methods or ("",):
                    yield Operation(host, path, method, environment, at)


def _lines_of(text: str) -> dict[str, int]:
    """Where a path is a key, as people see it; a help for the eye, so the first line that looks so will do."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _SPEC_LINE.match(line)
        if match:
            found.setdefault(match[1], number)
    return found


def _of_inventory(inventory: ApiInventory, path: Path, text: str) -> Listed:
    document = load(text, str(path), code="I101")
    operations: list[Operation] = []
    notes: list[str] = []
    for api_id, api in inventory.file.apis.items():
        own = _of_api(api_id, api, document, path.parent)
        operations += own
        if not own:
            notes.append(f"{api_id} is known by its resources only: no place to look at")
    return Listed(_few(iter(operations), path), tuple(notes))


def _of_api(api_id: str, api: ApiWords, document: Document, folder: Path) -> list[Operation]:
    environment, line = api.environment or "", document.at(("apis", api_id), key=True)[0]
    found: list[Operation] = []
    hosts = api.hosts
    if api.openapi is not None:
        specification = read_openapi(text_of(folder / api.openapi), api.openapi)
        hosts = hosts or tuple(dict.fromkeys(_hosts_of(specification)))
        base = api.base if api.base_path is not None else None
        found += _specified(specification, hosts, base=base, environment=environment, line=line)
    for index, given in enumerate(api.paths):
        at = document.at(("apis", api_id, "paths", index))[0]
        whole = given if given == api.base or given.startswith(f"{api.base}/") else api.base + given
        found += [Operation(host, whole, "", environment, at) for host in hosts]
    return found or [Operation(host, f"{api.base}/**", "", environment, line) for host in hosts]


def _few(operations: Iterator[Operation], path: Path) -> tuple[Operation, ...]:
    found: dict[Operation, None] = {}
    for operation in operations:
        found[operation] = None
        if len(found) > MAX_OPERATIONS:
            raise ConfigError(f"{path} has more than {MAX_OPERATIONS:,} operations", code="I108", hint="split it")
    return tuple(found)
