"""The loaded inventory: which API a place or resource belongs to, and everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from stanch.findings.model import NO_GATEWAY, Gateway
from stanch.findings.paths import segments_of
from stanch.findings.view import ApiFacts
from stanch.inventory._model import ApiWords, InventoryFile
from stanch.inventory._resources import ResourceIndex
from stanch.inventory._sections import Section, section_of
from stanch.inventory._templates import Template, TemplateTree
from stanch.routing import Address, PlaceIndex, PlaceWords
from stanch.views import ApiView, FindingView

HEALTH = "/healthz"
MAX_HOSTS = 4096
_UNKNOWN = ApiWords()


@dataclass(frozen=True)
class Named:
    """An entry with its id and, for a resource, the pattern that led to it."""

    api_id: str
    api: ApiWords
    owner: str = ""
    why: str = ""
    gateway: Gateway = field(default_factory=Gateway)


@dataclass(frozen=True)
class HostFacts:
    """What is known of one host: entries by base path, the longest first; trees, the most specific host first."""

    entries: tuple[tuple[tuple[str, ...], Named], ...] = ()
    trees: tuple[TemplateTree, ...] = ()
    section: Section | None = None


@dataclass
class _Place:
    """All that one host pattern stands for."""

    entries: list[Named] = field(default_factory=list[Named])
    tree: TemplateTree = field(default_factory=TemplateTree)


class ApiInventory:
    """Answers for one version of the file; immutable but for a bounded memory of hosts.

    Args:
        file: the checked file.
        templates: (host pattern, template), specifications before route rules.
        sections: `[inventory."HOST"]` of the settings; the file wins where both speak.
        name: the file's name, for messages.
    """

    def __init__(
        self,
        file: InventoryFile,
        templates: Iterable[tuple[str, Template]] = (),
        *,
        sections: Mapping[str, Section] | None = None,
        name: str = "",
    ) -> None:
        self.file, self.name = file, name
        self._sections: Mapping[str, Section] = sections or {}
        self._hosts: dict[str, HostFacts] = {}
        self._places: PlaceIndex[_Place] = PlaceIndex()
        self.templates = _fill(self._places, file, templates)
        self._resources: ResourceIndex[Named] = ResourceIndex(_resources(file))

    def facts(self, *, host: str, method: str = "", path: str = "", resource: str = "") -> ApiFacts | None:
        """What is known of a place, else of a resource; None where nothing is.

        Args:
            host: in normal form.
            method: of the operation; no entry asks for it yet.
            path: without query; one that is an attack only meets entries of the whole host, and no template.
            resource: ARN, repository, image or project.
        """
        known = self._of_host(host)
        found = _at(known, path) or self._of_resource(resource)
        template = _template(known, path)
        if found is None and template is None and known.section is None:
            return None
        return _facts(found, template, self._section(known, found))

    def known(self, finding: FindingView) -> FindingView:
        """The finding with what is known of its place now, and nothing that an older inventory or anybody else said."""
        api, facts = finding.api, self._of_view(finding)
        update = {
            "id": facts.api_id,
            "owner": facts.owner,
            "criticality": facts.criticality or None,
            "business_owner": facts.business_owner or None,
            "environment": facts.environment or api.environment,
        }
        return finding.model_copy(update={"api": api.model_copy(update=update)})

    def _of_view(self, finding: FindingView) -> ApiFacts:
        """By place, else by resource. A host without a path may be that of a resource: then intake's choice is kept."""
        api, known = finding.api, self._of_host(finding.api.host)
        names = (finding.resource.uid, finding.resource.repo)
        found = [_at(known, api.path), *map(self._of_resource, names), self._by_id(api)]
        true = [named for named in found if named is not None]
        kept = [named for named in true if named.api_id == api.id and not api.path]
        chosen = next(iter([*kept, *true]), None)
        return _facts(chosen, None, self._section(known, chosen))

    def _by_id(self, api: ApiView) -> Named | None:
        entry = self.file.apis.get(api.id)
        if entry is None or api.path or not (api.host in entry.hosts or not (api.host or entry.hosts)):
            return None
        return _named(api.id, entry, f"api {api.id}")

    def _section(self, known: HostFacts, named: Named | None) -> Section | None:
        """What the settings say of the host, or of the host that a resource led to."""
        if known.section is not None or named is None:
            return known.section
        return self._of_host(_exact(named.api)).section

    def is_rated(self, host: str) -> bool:
        """Whether it is known of any API on this host how critical it is."""
        known = self._of_host(host)
        rated = any(named.api.criticality for _, named in known.entries)
        return rated or bool(known.section and known.section.criticality)

    def health_path(self, host: str) -> str:
        """The path that shows that a host answers."""
        known = self._of_host(host)
        own = next((named.api.health_path for _, named in reversed(known.entries) if named.api.health_path), None)
        return own or (known.section.health_path if known.section else HEALTH)

    def _of_host(self, host: str) -> HostFacts:
        known = self._hosts.get(host)
        if known is None:
            if len(self._hosts) >= MAX_HOSTS:  # names come from senders: never more than fits
                self._hosts.clear()
            known = self._hosts[host] = self._looked_up(host)
        return known

    def _looked_up(self, host: str) -> HostFacts:
        if not host:
            return HostFacts()
        places = [hit.value for hit in self._places.find(Address(host=host, path="/"))]
        entries = [
            (_segments(named.api.base), named)
            for place in places
            for named in sorted(place.entries, key=lambda named: -len(_segments(named.api.base)))
        ]
        trees = tuple(place.tree for place in places if place.tree.count)
        return HostFacts(tuple(entries), trees, section_of(self._sections, host))

    def _of_resource(self, resource: str) -> Named | None:
        found = self._resources.find(resource) if resource else None
        return found[1] if found else None


def _fill(places: PlaceIndex[_Place], file: InventoryFile, templates: Iterable[tuple[str, Template]]) -> int:
    """Build the index; gives the number of templates."""
    made: dict[str, _Place] = {}
    for api_id, api in file.apis.items():
        for host in api.hosts:
            why = f"{host}{api.base}"
            made.setdefault(host, _Place()).entries.append(_named(api_id, api, why))
    for host, template in templates:
        made.setdefault(host, _Place()).tree.add(template)
    for host, place in made.items():
        places.add(PlaceWords(host=host).place, place)
    return sum(place.tree.count for place in made.values())


def _resources(file: InventoryFile) -> Iterator[tuple[str, Named]]:
    for entry in file.resources:
        api = file.apis[entry.api]
        for pattern in entry.patterns:
            yield pattern, _named(entry.api, api, f"resource {pattern}", owner=entry.owner)


def _named(api_id: str, api: ApiWords, why: str, *, owner: str | None = None) -> Named:
    gateway = Gateway.model_validate(api.gateway.model_dump())
    return Named(api_id, api, owner or api.owner or "", why, gateway)


def _segments(base: str) -> tuple[str, ...]:
    return tuple(base.split("/")[1:])


def _at(known: HostFacts, path: str) -> Named | None:
    """The entry whose base path the path is under; one of the whole host for a path that cannot be trusted."""
    if not known.entries:
        return None
    segments = segments_of(path) or ()
    return next((named for base, named in known.entries if segments[: len(base)] == base), None)


def _template(known: HostFacts, path: str) -> Template | None:
    return next((found for tree in known.trees if (found := tree.find(path)) is not None), None)


def _facts(named: Named | None, template: Template | None, section: Section | None) -> ApiFacts:
    api = named.api if named else _UNKNOWN
    return ApiFacts(
        api_id=named.api_id if named else "",
        host=_exact(api),
        path_template=template.text if template else "",
        template_basis=template.basis if template else "",
        environment=api.environment or "",
        criticality=api.criticality or (section.criticality if section else ""),
        business_owner=api.business_owner or (section.business_owner if section else ""),
        owner=named.owner if named else "",
        gateway=named.gateway if named else NO_GATEWAY,
        why=named.why if named else "[inventory] of the settings" if section else "",
    )


def _exact(api: ApiWords) -> str:
    """The first host that is no pattern."""
    return next((host for host in api.hosts if "*" not in host and "{" not in host), "")


def standing(api: ApiView) -> tuple[tuple[str, str], ...]:
    """How critical an API is and who answers for it in the business, for people to read before they decide."""
    return (("Criticality", api.criticality or "unknown"), ("Business owner", api.business_owner or "unknown"))
