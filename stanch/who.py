"""Who an action is about, as playbooks say it: a word that nobody knows is a mistake and never a wider block."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from stanch.leases import BodyValue, Credential, Principal

STANDING = {"standing": True}  # validation context of what was asked for before: it is read as it was understood then


class CredentialWords(Credential):
    """See Credential."""

    model_config = ConfigDict(extra="allow")


class BodyWords(BodyValue):
    """See BodyValue."""

    model_config = ConfigDict(extra="allow")


class Who(Principal):
    """A principal in the parameters of an action.

    Words that are not known are kept, so that they reach the check right before the call even where a run that is
    replayed accepts them; without the context `STANDING` they are refused, and so is a principal that names nobody.
    """

    model_config = ConfigDict(extra="allow")

    # Frozen, so a narrower type is safe; the settings of a model do not tell pyright so.
    header: CredentialWords | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    cookie: CredentialWords | None = None  # pyright: ignore[reportIncompatibleVariableOverride]
    body: BodyWords | None = None  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _clear(self, info: ValidationInfo) -> Who:
        if info.context == STANDING:
            return self
        if problem := next(_problems(self), ""):
            raise ValueError(problem)
        return self

    @property
    def principal(self) -> Principal | None:
        """The same for a block; None where it names nobody."""
        found = Principal.model_validate(self.model_dump(exclude_none=True))
        return None if found.empty else found


def _problems(who: Who) -> Iterator[str]:
    for part in (who, who.header, who.cookie, who.body):
        yield from _unknown(part)
    for name in type(who).model_fields:
        if getattr(who, name) == "":
            yield f"{name} is empty, so it names nobody"
    if who.empty:
        yield "it names nobody"


def _unknown(part: BaseModel | None) -> Iterator[str]:
    if part is None:
        return
    extra: dict[str, Any] = part.model_extra or {}
    for word in extra:
        near = get_close_matches(word, type(part).model_fields, n=1)
        yield f"there is no {word[:64]!r} here" + (f"; did you mean {near[0]!r}?" if near else "")
