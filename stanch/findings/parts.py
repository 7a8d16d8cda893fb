"""Makes the parts of a canonical finding from those of a report; what was not said is the same object each time."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from stanch.findings.hosts import parse_host
from stanch.findings.model import (
    NO_GATEWAY,
    Actor,
    Adapter,
    Analytic,
    Api,
    Evidence,
    Gateway,
    Product,
    Remediation,
    Resource,
)
from stanch.findings.paths import declared_template, parse_path
from stanch.findings.report import ActorReport, ApiReport, EvidenceReport, FindingReport, GatewayReport, ProductReport
from stanch.findings.words import environment_of, method_of

_HTTPS = re.compile(r"https://[^\s<>\"']+")
# Models are frozen: what most reports do not say is made once.
_UNNAMED, _NO_PRODUCT = FindingReport().product, Product()
_UNKNOWN = ApiReport().gateway
_NO_REMEDIATION = Remediation()


def remediation_of(report: FindingReport) -> Remediation:
    if not report.remediation and not report.references:
        return _NO_REMEDIATION
    return Remediation(desc=report.remediation, references=https_links(report.references))


def product_of(product: ProductReport) -> Product:
    if product is _UNNAMED or product == _UNNAMED:
        return _NO_PRODUCT
    return Product(vendor_name=product.vendor, name=product.name, version=product.version)


@lru_cache(maxsize=256)
def adapter_of(name: str, sha256: str) -> Adapter:
    return Adapter(id=name, sha256=sha256)


@lru_cache(maxsize=1024)
def analytic_of(uid: str, name: str) -> Analytic:
    return Analytic(uid=uid, name=name)


def _gateway(gateway: GatewayReport) -> Gateway:
    return NO_GATEWAY if gateway is _UNKNOWN or gateway == _UNKNOWN else Gateway.model_validate(gateway.model_dump())


def api_of(api: ApiReport) -> Api:
    scheme = api.scheme.lower() or (api.url.split("://", 1)[0].lower() if "://" in api.url[:12] else "")
    host = parse_host(api.host or (api.url if "://" in api.url[:12] else ""), scheme)
    path = parse_path(api.path or api.url)
    template = declared_template(api.path_template)
    return Api(
        host=host.name,
        port=host.port if api.port is None else parse_host(f"{host.name}:{api.port}", scheme).port,
        scheme=scheme if scheme.isalpha() else "",
        subdomain=host.subdomain,
        base_domain=host.base_domain,
        method=method_of(api.method),
        path=path.path or template,
        path_template=template or path.template,
        template_basis="declared" if template else path.basis,
        parameter=api.parameter,
        operation_id=api.operation_id,
        environment=environment_of(api.environment),
        gateway=_gateway(api.gateway),
    )


def actors_of(report: FindingReport) -> tuple[Actor, ...]:
    if not report.actor and not report.actors:
        return ()
    stated = ((report.actor,) if report.actor else ()) + report.actors
    made = (_actor(item) for item in stated)
    return tuple(actor for actor in made if actor != Actor(ip_basis=actor.ip_basis))


def _actor(actor: ActorReport) -> Actor:
    values = actor.model_dump(exclude={"token", "ip"})
    return Actor.model_validate({"ip": _address(actor.ip)} | {name: value for name, value in values.items() if value})


def _address(text: str | None) -> str | None:
    """A canonical address, or None: placeholders and masked addresses must never become a target."""
    try:
        address = ipaddress.ip_address((text or "").strip().strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def resources_of(report: FindingReport) -> tuple[Resource, ...]:
    if not report.resource and not report.resources:
        return ()
    stated = ((report.resource,) if report.resource else ()) + report.resources
    made = (Resource.model_validate(item.model_dump()) for item in stated)
    return tuple(item for item in made if item != Resource())


def evidence_of(item: EvidenceReport) -> Evidence:
    values = item.model_dump(exclude={"url", "method"})
    return Evidence(**values, method=method_of(item.method), url_template=parse_path(item.url).template)


def https_links(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Only https links survive; they are shown, never fetched."""
    return tuple(text for text in texts if _HTTPS.fullmatch(text))
