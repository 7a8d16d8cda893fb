"""From OpenAPI files and Backstage catalogues to the text of an inventory that a person reads before it is used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stanch.errors import ConfigError
from stanch.inventory._backstage import add_catalogue, full_owner, is_catalogue
from stanch.inventory._draft import Draft, DraftApi, api_id_of
from stanch.inventory._foreign import MAX_BYTES, read_documents
from stanch.inventory._load import VERSION, read_below
from stanch.inventory._model import InventoryFile
from stanch.inventory._openapi import is_openapi, specification_of
from stanch.inventory._resources import plain_name
from stanch.routing import RouteTable
from stanch.shapes import is_list

_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._/:@-]*(?<!:)\Z", re.ASCII)
_NOT_NAME = re.compile(r"[^a-z0-9._-]+")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def read_draft(files: Sequence[Path], *, folder: Path) -> Draft:
    """Everything that some files say.

    Args:
        files: OpenAPI files and Backstage catalogues, in any mix.
        folder: of the inventory; an OpenAPI file in it or below is named instead of copied.

    Raises:
        ConfigError: I110 one cannot be read, I112 one is neither.
    """
    draft = Draft()
    for path in files:
        documents = read_documents(_text(path), str(path))
        if is_catalogue(documents):
            add_catalogue(draft, documents, partial(read_below, path.parent))
        elif len(documents) == 1 and is_openapi(documents[0]):
            _add_specification(draft, path, documents[0], folder)
        else:
            raise ConfigError(
                f"{path} is neither OpenAPI nor a Backstage catalogue", code="I112", hint="see docs/inventory.md"
            )
    return draft


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > 4 * MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES:,} characters", code="I110", hint="split it")
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} is not readable UTF-8 text", code="I110", hint="name a text file") from None


def _add_specification(draft: Draft, path: Path, document: Any, folder: Path) -> None:
    found = specification_of(document, str(path))
    api = DraftApi(id=api_id_of(found.title or path.stem))
    api.take(found)
    near = path.resolve()
    if near.is_relative_to(folder.resolve()):
        api.openapi, api.paths = str(near.relative_to(folder.resolve())), []
    if not api.hosts:
        draft.note(f"{path} names no host: write it into the entry")
    draft.add(api)


class Written:
    """A draft as data that the loader takes, and as commented YAML.

    Args:
        draft: what was found.
        routes: whose directory gives owners their names; None where there is none.
    """

    def __init__(self, draft: Draft, routes: RouteTable | None) -> None:
        self._teams = {team.catalog: name for name, team in routes.file.directory.teams.items()} if routes else {}
        self._routes = routes
        self.notes = list(draft.notes)
        self.unknown: dict[str, str] = {}  # owner in the inventory -> owner in the catalogue
        self._remarks: dict[str, str] = {}
        self._taken: dict[tuple[str, str], str] = {}
        self._names: dict[str, str] = {}
        self.data: dict[str, Any] = {"version": VERSION, "apis": {}, "resources": []}
        for api in draft.apis.values():
            self.data["apis"][api.id] = self._api(api)
            self._remarks[api.id] = api.remark
        for item in draft.resources:
            names = [name for name in item.names if self._is_new(name, item.api)]
            owner = {"owner": self._owner(item.owner)} if item.owner else {}
            if names:
                self.data["resources"].append({"match": names, "api": item.api, **owner})
        self._checked()

    def _checked(self) -> None:
        """What an import writes must be a file that loads."""
        InventoryFile.model_validate_json(json.dumps(self.data))

    def _api(self, api: DraftApi) -> dict[str, Any]:
        hosts = [host for host in api.hosts if self._is_host(host) and self._is_free(host, api)]
        words: dict[str, Any] = {
            "title": " ".join(api.title.split())[:200],
            "host": hosts[0] if len(hosts) == 1 else hosts,
            "base_path": api.base_path,
            "environment": api.environment,
            "criticality": api.criticality,
            "owner": self._owner(api.owner) if api.owner else "",
            "openapi": api.openapi,
            "paths": [path for path in api.paths if self._is_path(path)],
        }
        return {name: value for name, value in words.items() if value}

    def _is_host(self, host: str) -> bool:
        return self._fits({"host": host}, host)

    def _is_free(self, host: str, api: DraftApi) -> bool:
        first = self._taken.setdefault((host, api.base_path), api.id)
        if first != api.id:
            self.notes.append(
                f"{host}{api.base_path or '/'} is '{first}' already: give '{api.id}' its host and a base_path"
            )
        return first == api.id

    def _is_new(self, name: str, api_id: str) -> bool:
        """A repository that several APIs share says nothing about any one of them."""
        first = self._names.setdefault(plain_name(name), api_id)
        if first != api_id:
            self.notes.append(f"{name[:100]} belongs to '{first}' and to '{api_id}': decide and write it down")
        return first == api_id and self._fits({}, name, resources=[{"match": name, "api": "x"}])

    def _is_path(self, path: str) -> bool:
        return self._fits({"paths": [path]}, path)

    def _fits(self, words: dict[str, Any], what: str, *, resources: Sequence[Mapping[str, str]] = ()) -> bool:
        try:
            InventoryFile.model_validate({"version": VERSION, "apis": {"x": words}, "resources": resources})
        except ValueError:
            self.notes.append(f"left out, since the inventory could not use it: {what[:100]}")
            return False
        return True

    def _owner(self, name: str) -> str:
        """The team that the directory knows by this name of the catalogue, else a name made from it."""
        full = full_owner(name)
        team = self._teams.get(full)
        if team:
            return team
        kind, _, rest = full.partition(":")
        plain = _NOT_NAME.sub("-", rest.rpartition("/")[2]).strip("-._") or "unknown"
        made = f"user:{plain}" if kind == "user" else f"team:{plain}"
        if self._routes is None or not self._routes.people.known(made):
            self.unknown[made] = full or name[:100]
        return made

    def text(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "# yaml-language-server: $schema=../schemas/inventory.json"
        yield "# Imported. Read it, add criticality and business_owner, then `stanch inventory check`."
        yield f"version: {VERSION}"
        yield "apis:" if self.data["apis"] else "apis: {}"
        for api_id, words in self.data["apis"].items():
            yield f"  {_scalar(api_id)}:{self._remark(self._remarks[api_id])}"
            if "criticality" not in words:
                yield "    # criticality: low, medium, high or critical; unknown never gets an automatic change"
            for name, value in words.items():
                yield from self._word(name, value, "    ")
            if not words:
                yield "    {}"
        if self.data["resources"]:
            yield "resources:"
        for item in self.data["resources"]:
            yield f"  - api: {_scalar(item['api'])}"
            yield from self._word("match", item["match"], "    ")
            if "owner" in item:
                yield from self._word("owner", item["owner"], "    ")

    def _word(self, name: str, value: Any, indent: str) -> Iterator[str]:
        if is_list(value):
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {_scalar(item)}" for item in value)
            return
        unknown = self.unknown.get(value) if name == "owner" else None
        remark = f"{unknown} in the catalogue; add {value} to directory in routes.yaml" if unknown else ""
        yield f"{indent}{name}: {_scalar(value)}{self._remark(remark)}"

    def _remark(self, text: str) -> str:
        clean = "".join(char for char in text if char.isprintable())
        return f"  # {clean}" if clean else ""


def _scalar(value: object) -> str:
    """A text so that YAML reads the same text: plain where that is certain, else quoted, with YAML's own escapes."""
    text = str(value)
    plain = _PLAIN.match(text) and text.lower() not in _WORDS and not re.match(r"[-+.0-9]", text)
    return text if plain else '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in ('"', "\\"):
        return "\\" + char
    return char if " " <= char <= "~" else f"\\U{ord(char):08x}"
