"""What an OpenAPI file (2.0, 3.0, 3.1) says of places: hosts, base paths and path templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stanch.errors import ConfigError, Problem
from stanch.findings.hosts import parse_host
from stanch.findings.paths import is_hostile
from stanch.inventory._foreign import read_documents
from stanch.shapes import is_dict, is_list

MAX_TEMPLATES = 20_000
MAX_SERVERS = 20
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_VARIABLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Server:
    """Where the API is served; no host where the file is silent about it."""

    host: str = ""
    base: str = ""


@dataclass(frozen=True)
class Operation:
    """A path template with the methods that it has; `servers` only where the path has its own."""

    path: str
    methods: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True)
class Specification:
    title: str = ""
    version: str = ""
    servers: tuple[Server, ...] = ()
    operations: tuple[Operation, ...] = ()
    dialect: str = ""

    def templates(self, hosts: tuple[str, ...], base: str | None) -> Iterator[str]:
        """Whole paths on these hosts; a base path that is given takes the place of the file's own."""
        for operation in self.operations:
            bases = [base] if base is not None else _bases(operation.servers or self.servers, hosts)
            yield from (f"{each}{operation.path}" for each in bases)


def is_openapi(document: object) -> bool:
    return is_dict(document) and ("openapi" in document or "swagger" in document)


def read_openapi(text: str, file: str = "") -> Specification:
    """Read a file.

    Raises:
        ConfigError: I110 it cannot be read, I111 it is no OpenAPI file of these versions.
    """
    documents = read_documents(text, file)
    if len(documents) != 1 or not is_openapi(documents[0]):
        raise _no(file, "this is not one OpenAPI document")
    return specification_of(documents[0], file)


def specification_of(document: Mapping[Any, Any], file: str = "") -> Specification:
    """The same from parsed data."""
    dialect = str(document.get("openapi") or document.get("swagger"))
    if not re.match(r"(2\.0|3\.[01](\.|$))", dialect):
        raise _no(file, f"OpenAPI {dialect[:20]} is not read; 2.0, 3.0 and 3.1 are")
    info: Any = document.get("info")
    named: Mapping[Any, Any] = info if is_dict(info) else {}
    servers = _servers_2(document) if dialect.startswith("2") else _servers(document.get("servers"))
    return Specification(
        title=_text(named.get("title")),
        version=_text(named.get("version")),
        servers=servers,
        operations=tuple(_operations(document.get("paths"), file)),
        dialect=dialect,
    )


def _no(file: str, message: str) -> ConfigError:
    hint = "give an OpenAPI 2.0, 3.0 or 3.1 file"
    problem = Problem("I111", message, file=file, line=1, column=1, hint=hint)
    return ConfigError(f"{file or 'the file'}: {message}", problems=[problem], code="I111", hint=hint)


def _text(value: object) -> str:
    return " ".join(str(value).split())[:200] if isinstance(value, str | int | float) else ""


def _operations(paths: object, file: str) -> Iterator[Operation]:
    """What is no usable path is left out: it can meet no finding."""
    items: Mapping[Any, Any] = paths if is_dict(paths) else {}
    if len(items) > MAX_TEMPLATES:
        raise _no(file, f"more than {MAX_TEMPLATES:,} paths")
    for path, item in items.items():
        text = str(path).split("?")[0].split("#")[0]
        if not text.startswith("/") or is_hostile(text) or not is_dict(item):
            continue
        methods = tuple(sorted(str(name).upper() for name in item if str(name).lower() in METHODS))
        yield Operation(text, methods, _servers(item.get("servers")))


def _servers_2(document: Mapping[Any, Any]) -> tuple[Server, ...]:
    host, base = document.get("host"), document.get("basePath")
    return (
        Server(parse_host(host).name if isinstance(host, str) else "", _base(base if isinstance(base, str) else "")),
    )


def _servers(given: object) -> tuple[Server, ...]:
    listed = given[:MAX_SERVERS] if is_list(given) else []
    made = [_server(item) for item in listed if is_dict(item) and isinstance(item.get("url"), str)]
    return tuple(dict.fromkeys(made))


def _server(item: Mapping[Any, Any]) -> Server:
    """Variables stand at their default, which the specification demands."""
    variables: Any = item.get("variables")

    def value(found: re.Match[str]) -> str:
        variable = variables.get(found[1]) if is_dict(variables) else None
        default = variable.get("default") if is_dict(variable) else None
        return str(default) if isinstance(default, str | int) else found[0]

    url = _VARIABLE.sub(value, item["url"])
    try:
        parts = urlsplit(url)
    except ValueError:
        return Server()
    return Server(parse_host(url).name if parts.netloc else "", _base(parts.path))


def _base(path: str) -> str:
    text = path.rstrip("/")
    usable = text.startswith("/") and not is_hostile(text) and "//" not in text
    return text if usable else ""


def _bases(servers: tuple[Server, ...], hosts: tuple[str, ...]) -> list[str]:
    """Base paths of the servers that are these hosts or of no host; of all, where none is."""
    own = [server.base for server in servers if not server.host or server.host in hosts]
    return list(dict.fromkeys(own or [server.base for server in servers])) or [""]
