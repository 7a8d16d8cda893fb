"""The base of what people write in guards.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Unknown words are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
