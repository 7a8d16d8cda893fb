"""What the documentation must list, read from the code itself."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_settings import BaseSettings

from stanch.ports import Connector

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("stanch", "activities", "workflows")
_CODE = re.compile(r"[A-Z][0-9]{3}")
_METRIC = re.compile(r"stanch_[a-z_]+")


def sources() -> Iterator[Path]:
    """Every module of the product."""
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))
    yield ROOT / "worker.py"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def ticked(text: str) -> set[str]:
    """Everything that stands between backquotes."""
    return set(re.findall(r"`([^`\n]+)`", text))


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def error_codes() -> set[str]:
    """Each text of the code that is a code and nothing else."""
    return {text for path in sources() for text in _strings(path) if _CODE.fullmatch(text)}


def metrics() -> set[str]:
    """Names of figures under /metrics."""
    return {text for text in _strings(ROOT / "stanch/web/health.py") if _METRIC.fullmatch(text)}


def settings() -> set[str]:
    """Every setting as `section.name`; what a person names themselves is NAME."""
    from stanch.settings import Settings

    return set(_fields(Settings, ""))


def _fields(model: type[BaseModel], path: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        where = f"{path}{name}"
        if inner is None:
            yield where
        else:
            yield from _fields(inner[0], where + inner[1])


def _model(annotation: Any) -> tuple[type[BaseModel], str] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and not issubclass(annotation, BaseSettings):
        return annotation, "."
    values = [item for item in getattr(annotation, "__args__", ()) if inspect.isclass(item)]
    found = next((item for item in values if issubclass(item, BaseModel)), None)
    return (found, ".NAME.") if found is not None else None


def connector_models() -> dict[str, type[BaseModel]]:
    """The model of each kind's section in stanch.toml."""
    from activities._servicenow.settings import ServiceNowSettings
    from activities._jira.settings import JiraSettings  # isort: skip

    found: dict[str, type[BaseModel]] = {"jira": JiraSettings, "servicenow": ServiceNowSettings}
    for module, connector in _declared():
        if connector.kind not in found:
            found[connector.kind] = _section_of(module)
    return found


def connectors() -> list[Connector]:
    """Everything that a section of stanch.toml can be."""
    return [connector for _, connector in _declared()]


def _declared() -> Iterator[tuple[Any, Connector]]:
    import activities

    for info in pkgutil.iter_modules(activities.__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"activities.{info.name}")
            declared = [*getattr(module, "CONNECTORS", ()), *filter(None, [getattr(module, "CONNECTOR", None)])]
            yield from ((module, connector) for connector in declared)


def _section_of(module: Any) -> type[BaseModel]:
    """The one model of a connector's module whose name ends in Config; a second one is a part of it."""
    names = [name for name in vars(module) if name.endswith("Config") and name != "Config"]
    if len(names) != 1:
        raise AssertionError(f"{module.__name__} should have one section model, found {names}")
    model: type[BaseModel] = getattr(module, names[0])
    return model


def commands() -> dict[str, set[str]]:
    """Every command with its options, groups opened up: `route test` -> {--method, ...}."""
    from stanch.cli.app import COMMANDS, _command

    found: dict[str, set[str]] = {}
    for name in COMMANDS:
        _collect(name, _command(name), found)
    return found


def _collect(name: str, command: Any, found: dict[str, set[str]]) -> None:
    inner = getattr(command, "commands", None)
    if inner:
        for word, child in inner.items():
            _collect(f"{name} {word}", child, found)
        return
    options = {option for param in command.params for option in param.opts if option.startswith("--")}
    found[name] = options - {"--help"}


def routes() -> set[str]:
    """Every HTTP route as `METHOD /path`."""
    from stanch.web.app import create_app

    app = create_app(_services())
    found: set[str] = set()
    for route in _flat(app.routes):
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}:
            found.add(f"{method} {route.path}")
    return found


def _flat(items: Any) -> Iterator[Any]:
    for item in items:
        inner = getattr(item, "original_router", None)
        if inner is not None:
            yield from _flat(inner.routes)
        elif getattr(item, "methods", None):
            yield item


def _services() -> Any:
    """Enough of a deployment to build the application; nothing is served."""
    from types import SimpleNamespace

    from stanch.settings import Settings

    keys = SimpleNamespace(redaction=b"", cases=b"", sealing=None)
    return SimpleNamespace(settings=Settings(), keys=keys, client=None)
