"""How a source's sender is proven, as `sources.yaml` says it; what does not fit the scheme is told at load."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, LiteralString

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from stanch.intake.networks import is_network
from stanch.intake.proofs import CHECKS, Encoding, Scheme, Terms

SecretRef = Annotated[str, StringConstraints(pattern=r"^secret://[a-z0-9-]+/\S+$")]
Identity = Annotated[str, StringConstraints(min_length=3, max_length=500, strip_whitespace=True)]

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_PREFIX = re.compile(r"[\x21-\x7e]{0,32}", re.ASCII)
_TOPIC = re.compile(r"arn:aws(-[a-z]+)*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?", re.ASCII)

# What each scheme takes beside its secrets; a word in `_NEEDS` must be there.
_TAKES: Mapping[Scheme, frozenset[str]] = {
    Scheme.HMAC: frozenset({"header", "encoding", "prefix"}),
    Scheme.HEADER: frozenset({"header"}),
    Scheme.STRIPE: frozenset({"header"}),
    Scheme.SNS: frozenset({"topics", "confirm", "allow_sha1"}),
    Scheme.MTLS: frozenset({"header", "proxies", "subjects"}),
}
_NEEDS: Mapping[Scheme, tuple[str, ...]] = {
    Scheme.HMAC: ("header",),
    Scheme.HEADER: ("header",),
    Scheme.SNS: ("topics",),
    Scheme.MTLS: ("proxies",),
}
_WITHOUT_SECRETS = frozenset({Scheme.NONE, Scheme.SNS})
_EXAMPLES = {
    "header": "header: X-Signature",
    "topics": "topics: [arn:aws:sns:us-east-1:111122223333:findings]",
    "proxies": "proxies: [10.0.0.0/24]",
    "secrets": "secrets: [secret://env/NAME]",
}


class Auth(BaseModel):
    """How the sender is proven; two secrets while one is being replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: Scheme
    secrets: tuple[SecretRef, ...] = Field(default=(), max_length=2)
    header: str = ""
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    topics: tuple[str, ...] = Field(default=(), max_length=100)
    confirm: bool = False
    allow_sha1: bool = False
    proxies: tuple[str, ...] = Field(default=(), max_length=100)
    subjects: tuple[Identity, ...] = Field(default=(), max_length=1000)

    @field_validator("header")
    @classmethod
    def _header(cls, value: str) -> str:
        if value and not _HEADER.fullmatch(value):
            raise mistake("S011", "not the name of a header", hint="write the name alone, such as X-Signature")
        return value

    @field_validator("prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if not _PREFIX.fullmatch(value):
            raise mistake("S011", "not what a header's value can start with", hint="write it as sent: 'sha256='")
        return value

    @field_validator("topics")
    @classmethod
    def _topics(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_TOPIC.fullmatch(value) for value in values):
            raise mistake("S010", "not the ARN of an SNS topic", hint="arn:aws:sns:us-east-1:111122223333:findings")
        return values

    @field_validator("proxies")
    @classmethod
    def _proxies(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return networks(values)

    @model_validator(mode="after")
    def _complete(self) -> Auth:
        wrong = [*_missing(self), *_surplus(self)]
        if wrong:
            words = "; ".join(message for message, _ in wrong)
            raise mistake("S007", words, hint=next((hint for _, hint in wrong if hint), ""))
        return self

    def terms(self, secrets: Sequence[str]) -> Terms:
        """What a delivery is proven against, with the secrets that were found."""
        return Terms(
            scheme=self.scheme,
            secrets=tuple(secrets),
            header=self.header.lower(),
            encoding=self.encoding,
            prefix=self.prefix,
            topics=self.topics,
            allow_sha1=self.allow_sha1,
            proxies=self.proxies,
            subjects=self.subjects,
        )


def mistake(code: LiteralString, message: str, *, hint: str = "") -> PydanticCustomError:
    """An error of a validator, with its code and what to write instead."""
    return PydanticCustomError(code, "{words}", {"words": message, "hint": hint})


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """The networks, checked.

    Raises:
        PydanticCustomError: S008.
    """
    wrong = next((value for value in values if not is_network(value)), None)
    if wrong is not None:
        raise mistake("S008", "not a network such as 192.0.2.0/24", hint="bits after the prefix must be zero")
    return values


def _missing(auth: Auth) -> Iterator[tuple[str, str]]:
    for name in _NEEDS.get(auth.scheme, ()):
        if not getattr(auth, name):
            yield f"the scheme '{auth.scheme}' needs '{name}'", f"add {_EXAMPLES[name]}"
    if auth.scheme is Scheme.MTLS and not (auth.secrets or auth.subjects):
        hint = "add subjects: ['spiffe://example.org/scanner'] with the certificates that may send"
        yield "the scheme 'mtls' needs 'subjects' or 'secrets'", hint
    elif auth.scheme not in _WITHOUT_SECRETS | {Scheme.MTLS} and not auth.secrets:
        yield f"the scheme '{auth.scheme}' needs 'secrets'", f"add {_EXAMPLES['secrets']}"


def _surplus(auth: Auth) -> Iterator[tuple[str, str]]:
    takes = _TAKES.get(auth.scheme, frozenset[str]()) | {"scheme"}
    takes |= frozenset() if auth.scheme in _WITHOUT_SECRETS else {"secrets"}
    for name in sorted(auth.model_fields_set - takes):
        others = ", ".join(scheme.value for scheme in CHECKS if name in _TAKES.get(scheme, ()))
        hint = f"'{name}' belongs to: {others}" if others else ""
        yield f"'{name}' does not belong to the scheme '{auth.scheme}'", hint
