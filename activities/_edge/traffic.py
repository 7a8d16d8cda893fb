"""What a block would hit at a gateway whose log names nobody: bounds where a principal is asked for, never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from activities._access_log import Line, LogView, Redactor
from activities._envoy import traffic as _envoy_traffic
from activities._envoy.policy import Dialect
from stanch.estimating.truth import Truth
from stanch.leases import BlockSpec
from stanch.ports import Estimate, Usage

_NOBODY = "the access log names nobody"


def estimate(spec: BlockSpec, *, log: LogView, window: timedelta, dialect: Dialect, redactor: Redactor) -> Estimate:
    """Blast radius of the specification; with a principal in it, of everybody, and said to be unknown."""
    found = _envoy_traffic.estimate(_anybody(spec), log=log, window=window, dialect=dialect, redactor=redactor)
    if spec.principal is None:
        return replace(found, coverage=_without_names(found.coverage))
    return replace(found, coverage=f"unknown: {_NOBODY}, so the figures are those of all callers")


def usage(spec: BlockSpec, *, log: LogView, window: timedelta, dialect: Dialect) -> Usage:
    """Traffic of the endpoint; callers can only be told apart by address."""
    found = _envoy_traffic.usage(spec, log=log, window=window, dialect=dialect)
    return replace(found, coverage=_without_names(found.coverage))


def endpoint_lines(spec: BlockSpec, *, log: LogView, dialect: Dialect) -> Iterator[Line]:
    """Requests of the endpoint, newest first, in clear."""
    return _envoy_traffic.endpoint_lines(spec, log=log, dialect=dialect)


def hit_lines(spec: BlockSpec, *, log: LogView, dialect: Dialect) -> Iterator[Line]:
    """Requests that a specification without principal matches."""
    judge = _envoy_traffic.Judge(spec, dialect=dialect)
    return (line for line in log.lines if judge.hits(line) is Truth.YES)


def _anybody(spec: BlockSpec) -> BlockSpec:
    return spec.model_copy(update={"principal": None})


def _without_names(coverage: str) -> str:
    return f"partial: {_NOBODY}" if coverage == "complete" else f"{coverage}; {_NOBODY}"
