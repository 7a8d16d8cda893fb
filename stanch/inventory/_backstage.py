"""Entries of an inventory from a Backstage catalogue: APIs, the components behind them, resources and owners."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stanch.errors import ConfigError
from stanch.inventory._draft import Draft, DraftApi, DraftResource, api_id_of
from stanch.inventory._foreign import read_documents
from stanch.inventory._model import Criticality
from stanch.inventory._openapi import Specification, is_openapi, specification_of
from stanch.shapes import is_dict, is_list

Reader = Callable[[str], str]
SLUG = "github.com/project-slug"
LOCATIONS = ("backstage.io/source-location", "backstage.io/view-url", "gitlab.com/project-slug")
_REF = re.compile(r"(?:(?P<kind>[A-Za-z]+):)?(?:(?P<space>[\w.-]+)/)?(?P<name>[\w.-]+)\Z")
_LEVELS: dict[str, Criticality] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
    "tier-1": "critical",
    "tier1": "critical",
}


@dataclass(frozen=True)
class Entity:
    """One entity, with what is read of it; everything else is somebody else's."""

    kind: str
    name: str
    spec: Mapping[Any, Any]
    metadata: Mapping[Any, Any]

    @property
    def ref(self) -> str:
        return f"{self.kind}:{self.name}"

    def word(self, key: str) -> str:
        value = self.spec.get(key)
        return value.strip() if isinstance(value, str) else ""

    def listed(self, key: str) -> list[str]:
        value = self.spec.get(key)
        return [item for item in value if isinstance(item, str)] if is_list(value) else []

    @property
    def annotations(self) -> dict[str, str]:
        found = self.metadata.get("annotations")
        pairs: Mapping[Any, Any] = found if is_dict(found) else {}
        return {str(key): value for key, value in pairs.items() if isinstance(value, str)}


def is_catalogue(documents: Iterable[object]) -> bool:
    return any(is_dict(item) and "backstage.io/" in str(item.get("apiVersion", "")) for item in documents)


def entities(documents: Iterable[object]) -> Iterator[Entity]:
    """The entities among some documents."""
    for item in documents:
        if not is_dict(item):
            continue
        metadata, spec = item.get("metadata"), item.get("spec")
        name = metadata.get("name") if is_dict(metadata) else None
        if isinstance(name, str) and isinstance(item.get("kind"), str) and is_dict(metadata):
            yield Entity(item["kind"].lower(), name.lower(), spec if is_dict(spec) else {}, metadata)


def add_catalogue(draft: Draft, documents: Iterable[object], read: Reader) -> None:
    """Take the entities of a catalogue into a draft.

    Args:
        draft: taken into.
        documents: of one file or of several.
        read: gives the text of a file beside it, for `$text`; raises ConfigError where it cannot.
    """
    found = list(entities(documents))
    kinds = {kind: [item for item in found if item.kind == kind] for kind in ("api", "component", "resource")}
    for entity in kinds["api"]:
        _add_api(draft, entity, read)
    for entity in kinds["component"]:
        _add_component(draft, entity)
    for entity in kinds["resource"]:
        _add_resource(draft, entity)
    others = sorted({item.kind for item in found} - set(kinds))
    if others:
        draft.note(f"not an API and not part of one: {', '.join(others)[:200]}")


def _add_api(draft: Draft, entity: Entity, read: Reader) -> None:
    api = _entry(draft, entity)
    definition = _definition(draft, entity, read)
    if definition is not None:
        api.take(definition)
    elif entity.word("type") == "openapi":
        draft.note(f"{entity.ref} has no definition that can be read here")
    draft.homes[entity.ref] = api.id


def _entry(draft: Draft, entity: Entity) -> DraftApi:
    title = entity.metadata.get("title")
    api = DraftApi(
        id=api_id_of(entity.name),
        title=title if isinstance(title, str) else "",
        owner=entity.word("owner"),
        criticality=_criticality(entity),
        environment="prod" if entity.word("lifecycle") == "production" else "",
        remark=f"lifecycle {entity.word('lifecycle')}" if entity.word("lifecycle") else "",
    )
    return draft.add(api)


def _definition(draft: Draft, entity: Entity, read: Reader) -> Specification | None:
    """The OpenAPI text in `spec.definition`, or the one in the file that `$text` names."""
    given = entity.spec.get("definition")
    try:
        if is_dict(given):
            name = next((given[key] for key in ("$text", "$openapi", "$yaml", "$json") if key in given), None)
            given = read(name) if isinstance(name, str) else None
        documents = read_documents(given, entity.ref) if isinstance(given, str) else []
    except ConfigError as error:
        draft.note(f"definition of {entity.ref}: {error.problems[0].message if error.problems else error.message}")
        return None
    return specification_of(documents[0], entity.ref) if documents and is_openapi(documents[0]) else None


def _add_component(draft: Draft, entity: Entity) -> None:
    """A component is the API it provides; one that provides none is an entry of its own, for its repository."""
    provided = [_full(name, "api") for name in entity.listed("providesApis")]
    known = next((draft.homes[ref] for ref in provided if ref in draft.homes), "")
    home = draft.apis[known] if known else _entry(draft, entity)
    home.owner = home.owner or entity.word("owner")
    home.criticality = home.criticality or _criticality(entity)
    draft.homes[entity.ref] = home.id
    _add_names(draft, entity, home.id, home.owner)


def _add_resource(draft: Draft, entity: Entity) -> None:
    users = [*entity.listed("dependencyOf"), *entity.listed("dependsOn")]
    home = next((draft.homes[ref] for name in users if (ref := _full(name, "component")) in draft.homes), "")
    if not home:
        if not _names(entity):
            return draft.note(f"{entity.ref} has no name that a tool would report")
        home = _entry(draft, entity).id
    return _add_names(draft, entity, home, draft.apis[home].owner)


def _add_names(draft: Draft, entity: Entity, home: str, owner: str) -> None:
    names = _names(entity)
    if names:
        own = entity.word("owner")
        draft.resources.append(DraftResource(names, home, own if own != owner else ""))


def _names(entity: Entity) -> list[str]:
    """Repositories and ARNs among the annotations."""
    found: list[str] = []
    for key, value in entity.annotations.items():
        text = value.removeprefix("url:").strip()
        if key == SLUG:
            found.append(f"github.com/{text}")
        elif key in LOCATIONS:
            found.append(_repository(text))
        elif text.startswith("arn:"):
            found.append(text)
    return list(dict.fromkeys(item for item in found if 0 < len(item) <= 512))


def _repository(url: str) -> str:
    """`github.com/acme/shop` of an address inside it."""
    bare = re.sub(r"^[a-z+]+://(?:[^@/]+@)?", "", url)
    return "/".join(re.split(r"/-/|/(?:tree|blob|src)/", bare)[0].strip("/").removesuffix(".git").split("/")[:4])


def _criticality(entity: Entity) -> Criticality | None:
    """From a label or annotation whose name ends in criticality or tier; there is no standard one."""
    labels = entity.metadata.get("labels")
    words: Mapping[Any, Any] = labels if is_dict(labels) else {}
    for key, value in (*words.items(), *entity.annotations.items()):
        if str(key).rpartition("/")[2].lower() in ("criticality", "tier"):
            return _LEVELS.get(str(value).lower())
    return None


def _full(name: str, kind: str) -> str:
    """`kind:name` of a reference; namespaces are left out, as in the names of entries."""
    found = _REF.match(name.strip().lower())
    return f"{found['kind'] or kind}:{found['name']}" if found else ""


def full_owner(name: str) -> str:
    """`group:default/payments` for `payments`, as a team's `catalog:` has it."""
    found = _REF.match(name.strip().lower())
    return f"{found['kind'] or 'group'}:{found['space'] or 'default'}/{found['name']}" if found else ""
