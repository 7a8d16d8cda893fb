"""A directory and ownership rules made from a Backstage catalogue: users, groups, and where their APIs are served."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stanch.errors import ConfigError
from stanch.inventory import Draft, DraftApi, Entity, add_catalogue, entities, full_owner, read_below, read_documents
from stanch.learning.drafting import DraftRoutes, add_examples
from stanch.learning.operations import text_of
from stanch.routing import People, PlaceWords
from stanch.shapes import is_dict

MAX_RULES = 5_000


def of_catalogue(files: Sequence[Path], *, people: People | None = None) -> DraftRoutes:
    """Rules for every API of some catalogue files, by the servers of its OpenAPI definition.

    Args:
        files: taken together; `$text` is looked for beside each.
        people: of the directory that exists.

    Raises:
        ConfigError: I110, I112, a file cannot be read or is no catalogue.
    """
    draft, catalogue, found = DraftRoutes(people), Draft(), list[Entity]()
    for path in files:
        documents = read_documents(text_of(path), str(path))
        own = list(entities(documents))
        if not own:
            raise ConfigError(f"{path} has no entity of Backstage", code="I112", hint="give a catalog-info.yaml")
        found += own
        add_catalogue(catalogue, documents, partial(read_below, path.parent))
    _add_people(draft, found)
    for note in catalogue.notes:
        if not note.startswith("not an API"):
            draft.note(note)
    _add_rules(draft, catalogue, found)
    draft.complete()
    add_examples(draft)
    return draft


def _add_people(draft: DraftRoutes, found: Iterable[Entity]) -> None:
    kinds = {kind: [each for each in found if each.kind == kind] for kind in ("user", "group")}
    belongs: dict[str, list[str]] = {}
    for user in kinds["user"]:
        full = full_owner(f"user:{_space(user)}/{user.name}")
        if not full:
            draft.note(f"user {user.name[:80]}: this is no name of Backstage")
            continue
        ref = _ref(draft, full)
        entry = draft.users.get(ref)
        if entry is not None:
            entry |= {name: value for name, value in _profile(user).items() if name not in entry or name == "name"}
        for name in user.listed("memberOf"):
            belongs.setdefault(full_owner(name), []).append(ref)
    for group in kinds["group"]:
        full = full_owner(f"group:{_space(group)}/{group.name}")
        if not full:
            draft.note(f"group {group.name[:80]}: this is no name of Backstage")
            continue
        ref = _ref(draft, full)
        named = [each for name in group.listed("members") if (each := full_owner(_as_user(name)))]
        members = list(dict.fromkeys([*belongs.get(full, ()), *(_ref(draft, each) for each in named)]))
        if ref in draft.teams and "lead" not in draft.teams[ref]:
            draft.teams[ref] |= {"members": members} if members else {}


def _as_user(name: str) -> str:
    return name if ":" in name else f"user:{name}"


def _space(entity: Entity) -> str:
    given = entity.metadata.get("namespace")
    return given if isinstance(given, str) and given else "default"


def _profile(user: Entity) -> dict[str, str]:
    given: Any = user.spec.get("profile")
    words = given if is_dict(given) else {}
    shown, email = words.get("displayName"), words.get("email")
    found = {"name": shown[:200]} if isinstance(shown, str) and shown.strip() else {}
    return found | ({"email": email[:200]} if isinstance(email, str) and "@" in email else {})


def _ref(draft: DraftRoutes, full: str) -> str:
    """Our name for `group:default/payments`: the team whose `catalog` it is, else one made from it."""
    kind, _, rest = full.partition(":")
    directory = draft.people.directory if draft.people is not None else None
    known = next((name for name, team in directory.teams.items() if team.catalog == full), "") if directory else ""
    ref = draft.owner(full, kind="user" if kind == "user" else "team", name=rest.rpartition("/")[2], known=known)
    if ref in draft.teams and "catalog" not in draft.teams[ref] and not known:
        draft.teams[ref]["catalog"] = full
    return ref


def _add_rules(draft: DraftRoutes, catalogue: Draft, found: Sequence[Entity]) -> None:
    owners = _owners_by_api(catalogue, found)
    taken: dict[tuple[str, str], str] = {}
    for api in catalogue.apis.values():
        full = full_owner(api.owner or owners.get(api.id, ""))
        places = _places(draft, api, taken)
        if not full:
            draft.note(f"API {api.id}: nobody owns it in the catalogue")
        elif not places:
            draft.note(f"API {api.id}: no server with a host is known: write a rule by hand")
        elif len(draft.rules) >= MAX_RULES:
            draft.note(f"API {api.id}: more than {MAX_RULES:,} rules")
        else:
            match = places[0] if len(places) == 1 else {"any": places}
            name = draft.rule_id(api.id)
            draft.rules.append({"id": name, "match": match, "owner": _ref(draft, full)})
            draft.remarks[name] = f"{api.title or api.id}, owner {full}"


def _owners_by_api(catalogue: Draft, found: Sequence[Entity]) -> dict[str, str]:
    """An API or component without an owner belongs to whom its system belongs."""
    systems = {each.name: each.word("owner") for each in found if each.kind == "system"}
    owners: dict[str, str] = {}
    for each in found:
        home = catalogue.homes.get(each.ref, "")
        system = full_owner(f"system:{each.word('system').rpartition(':')[2]}").rpartition("/")[2]
        if home and systems.get(system):
            owners.setdefault(home, systems[system])
    return owners


def _places(draft: DraftRoutes, api: DraftApi, taken: dict[tuple[str, str], str]) -> list[dict[str, str]]:
    """Everything below the API's base path on each of its hosts; its paths alone where another API has that."""
    found: list[dict[str, str]] = []
    for host in api.hosts:
        first = taken.setdefault((host, api.base_path), api.id)
        if first == api.id:
            found.append({"host": host, "path": f"{api.base_path}/**"})
            continue
        draft.note(f"API {api.id}: {host}{api.base_path or '/'} is {first}'s, so only its own paths are taken")
        for path in api.paths:
            whole = path if path.startswith(f"{api.base_path}/") else f"{api.base_path}{path}"
            if taken.setdefault((host, whole), api.id) == api.id:
                found.append({"host": host, "path": whole})
    return [place for place in found if _is_place(draft, api, place)]


def _is_place(draft: DraftRoutes, api: DraftApi, place: dict[str, str]) -> bool:
    try:
        PlaceWords.model_validate(place)
    except ValueError:
        draft.note(f"API {api.id}: {place['host'][:80]}{place['path'][:120]} is no place of ours")
        return False
    return True
