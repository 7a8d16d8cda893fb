"""A handful of AWS managed rule groups, with the names and capacities that AWS publishes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ManagedGroup:
    name: str
    capacity: int
    rules: tuple[str, ...]
    versions: tuple[str, ...] = ("Version_1.0", "Version_2.0")

    @property
    def label_namespace(self) -> str:
        return f"awswaf:managed:aws:{self.name.removeprefix('AWSManagedRules').lower()}:"


def _each(stem: str, places: str) -> tuple[str, ...]:
    return tuple(f"{stem}_{place}" for place in places.split())


_COMMON = (
    "NoUserAgent_HEADER",
    "UserAgent_BadBots_HEADER",
    *_each("SizeRestrictions", "QUERYSTRING Cookie_HEADER BODY URIPATH"),
    *_each("EC2MetaDataSSRF", "BODY COOKIE URIPATH QUERYARGUMENTS"),
    *_each("GenericLFI", "QUERYARGUMENTS URIPATH BODY"),
    *_each("RestrictedExtensions", "URIPATH QUERYARGUMENTS"),
    *_each("GenericRFI", "QUERYARGUMENTS BODY URIPATH"),
    *_each("CrossSiteScripting", "COOKIE QUERYARGUMENTS BODY URIPATH"),
)
_BAD_INPUTS = (
    *_each("JavaDeserializationRCE", "HEADER BODY URIPATH QUERYSTRING"),
    "Host_localhost_HEADER",
    "PROPFIND_METHOD",
    "ExploitablePaths_URIPATH",
    *_each("Log4JRCE", "HEADER QUERYSTRING BODY URIPATH"),
)
_SQLI = (
    *_each("SQLi", "QUERYARGUMENTS BODY COOKIE URIPATH"),
    *_each("SQLiExtendedPatterns", "QUERYARGUMENTS BODY"),
)

GROUPS = {
    group.name: group
    for group in (
        ManagedGroup("AWSManagedRulesCommonRuleSet", 700, _COMMON),
        ManagedGroup("AWSManagedRulesKnownBadInputsRuleSet", 200, _BAD_INPUTS),
        ManagedGroup("AWSManagedRulesSQLiRuleSet", 200, _SQLI),
        ManagedGroup("AWSManagedRulesAdminProtectionRuleSet", 100, ("AdminProtection_URIPATH",)),
        ManagedGroup("AWSManagedRulesLinuxRuleSet", 200, _each("LFI", "URIPATH QUERYSTRING HEADER")),
        ManagedGroup("AWSManagedRulesPHPRuleSet", 100, _each("PHPHighRiskMethodsVariables", "HEADER QUERYSTRING BODY")),
        ManagedGroup(
            "AWSManagedRulesAmazonIpReputationList",
            25,
            ("AWSManagedIPReputationList", "AWSManagedReconnaissanceList", "AWSManagedIPDDoSList"),
            versions=(),
        ),
        ManagedGroup("AWSManagedRulesAnonymousIpList", 50, ("AnonymousIPList", "HostingProviderIPList"), versions=()),
    )
}
