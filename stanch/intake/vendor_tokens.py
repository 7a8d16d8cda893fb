"""Tokens that carry their vendor's mark, so that a literal tells whether to look at all."""

from __future__ import annotations

import re

from stanch.intake.secrets import Rule


def _token(name: str, triggers: tuple[str, ...], pattern: str, *, credential: bool = True, marks: str = "") -> Rule:
    found = re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})", re.ASCII)
    return Rule(name, triggers, found, credential=credential, marks=marks)


_PREFIXED: dict[str, str] = {
    # prefix (regular expression): what follows it
    "npm_": r"[A-Za-z0-9]{36}",
    "pypi-": r"[\w-]{50,}",
    "sk-": r"(?:[a-z]{2,12}[0-9]{0,2}-)*[\w-]{20,}",
    "SG.": r"[\w-]{16,32}\.[\w-]{32,64}",
    "SK": r"[0-9a-f]{32}(?![\w])",
    "key-": r"[0-9a-f]{32}",
    "sq0": r"(?:csp|atp|idp)-[\w\\-]{22,43}",
    "EAAA": r"[\w-]{56,64}",
    "shp": r"(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "do": r"[opr]_v1_[0-9a-f]{64}",
    "hv": r"[sbr]\.[\w-]{24,}",
    "dapi": r"[0-9a-f]{32}",
    "ATATT3": r"[\w=-]{30,}",
    "ATBB": r"[A-Za-z0-9]{32}",
    "lin_api_": r"[A-Za-z0-9]{32,}",
    "ntn_": r"[A-Za-z0-9]{40,}",
    "gls": r"a_\w{32,48}",
    "glc_": r"[\w=+/]{32,}",
    "NRAK-": r"[A-Z0-9]{27}",
    "sntrys_": r"[\w=+/]{40,}",
    "PMAK-": r"[0-9a-f-]{24,64}",
    "hf_": r"[A-Za-z0-9]{30,}",
    "r8_": r"[A-Za-z0-9]{30,}",
    "dckr_pat_": r"[\w-]{20,}",
    "rubygems_": r"[0-9a-f]{40,}",
    "AGE-SECRET-KEY-1": r"[0-9A-Z]{50,}",
    "AKC": r"p?[A-Za-z0-9]{50,}",
    "LTAI": r"[A-Za-z0-9]{12,24}(?![\w])",
    "ya29.": r"[\w-]{20,}",
    "GOCSPX-": r"[\w-]{20,}",
    "1//0": r"[\w-]{30,}",
    "p8e-": r"[a-z0-9]{32}",
    "dp.": r"(?:pt|st|ct|sa)\.[A-Za-z0-9]{40,}",
    "pul-": r"[0-9a-f]{40}",
    "xkeysib-": r"[0-9a-f]{64}",
    "EZ": r"[AT]K[0-9a-zA-Z]{54}",
    "amzn.mws.": r"[0-9a-f-]{36}",
    "glpat-": r"[\w-]{20,}",
    "gldt-": r"[\w-]{20,}",
    "glft-": r"[\w-]{20,}",
    "glrt-": r"[\w-]{20,}",
    "glptt-": r"[\w-]{20,}",
    "glcbt-": r"[\w-]{20,}",
    "glimt-": r"[\w-]{20,}",
    "gloas-": r"[\w-]{20,}",
    "glsoat-": r"[\w-]{20,}",
    "glagent-": r"[\w-]{20,}",
    "GR1348941": r"[\w-]{20,}",
}

VENDOR_TOKENS: tuple[Rule, ...] = (
    _token("aws_key", ("akia", "asia", "abia", "acca"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?!\w)", credential=False),
    _token("github_token", ("gh", "github_pat_"), r"gh[pousr]_\w{30,255}|github_pat_\w{22,255}"),
    _token("slack_token", ("xox", "xapp-"), r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[\w-]{10,}"),
    Rule("slack_hook", ("hooks.slack.com",), re.compile(r"(?P<keep>hooks\.slack\.com/)[\w/-]{10,}", re.IGNORECASE)),
    Rule(
        "chat_hook",
        ("discord", "webhook.office.com", "api.telegram.org"),
        re.compile(
            r"(?P<keep>(?:discord(?:app)?\.com/api/webhooks|webhook\.office\.com|api\.telegram\.org)/)[\w/@:-]{10,}",
            re.IGNORECASE,
        ),
    ),
    _token("stripe_key", ("k_live_", "k_test_", "whsec_"), r"[srp]k_(?:live|test)_\w{10,}|whsec_[\w+/=]{16,}"),
    _token("google_key", ("aiza",), r"AIza[\w-]{35}"),
    _token("telegram_token", (":aa",), r"\d{8,10}:AA[\w-]{33}", marks=":"),
    _token("mailchimp_key", ("-us",), r"[0-9a-f]{32}-us\d{1,2}"),
    _token("discord_token", (), r"[MNO][\w-]{22,28}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])"),
    Rule("azure_secret", ("8q~",), re.compile(r"(?<![\w~.-])[\w~.-]{3}8Q~[\w~.-]{31,34}", re.ASCII), marks="~"),
    _token("terraform_token", (".atlasv1.",), r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _token(
        "vendor_token",
        (),
        rf"(?=[\w./+=\\-]{{16}})(?:{'|'.join(f'{re.escape(prefix)}{tail}' for prefix, tail in _PREFIXED.items())})",
    ),
)
