"""Remediation activities in the words of OCSF, for SIEMs: what was blocked, lifted, ended or taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from stanch.lease_words import words_of
from stanch.leases import COUNT, BlockSpec, KeySpec, Lease, LeaseSpec, LimitSpec, MemberSpec, SuspendSpec

VERSION = "1.3.0"  # of the schema; Remediation Activity came with it
CATEGORY, CLASS = 7, 7001
INFORMATIONAL = 1
_D3FEND = "https://d3fend.mitre.org/technique/d3f:"
_MAX_TEXT = 1024
Event = dict[str, Any]


class Done(Enum):
    """What was done: the word in the message, and the activity (a D3FEND tactic)."""

    APPLIED = ("block", 1)
    LIFTED = ("lift", 3)
    EXPIRED = ("end", 3)
    ROLLED_BACK = ("take back", 3)
    COUNTED = ("count", 99)  # it denies nothing, so it is none of the tactics


class Status(Enum):
    """`status_id` of the class; 3 is its own."""

    UNKNOWN = 0
    SUCCESS = 1
    FAILURE = 2
    DOES_NOT_EXIST = 3


class Technique(NamedTuple):
    """A technique of MITRE D3FEND and its tactic."""

    tactic: str
    uid: str
    name: str


_TECHNIQUES = {
    (1, "block"): Technique("Isolate", "D3-ITF", "Inbound Traffic Filtering"),
    (2, "suspend"): Technique("Evict", "D3-AL", "Account Locking"),
    (3, "block"): Technique("Restore", "D3-RNA", "Restore Network Access"),
    (3, "suspend"): Technique("Restore", "D3-ULA", "Unlock Account"),
}
_ACTIVITIES = {1: "Isolate", 2: "Evict", 3: "Restore", 99: "Count"}


def remediation(
    lease: Lease,
    done: Done,
    *,
    at: datetime,
    status: Status = Status.SUCCESS,
    detail: str = "",
    proof: Mapping[str, str] | None = None,
) -> Event:
    """One event of class 7001; the same change told twice has the same `metadata.uid`.

    Args:
        lease: the block or suspension that it is about.
        done: what was done, or tried.
        at: when it ended.
        status: how it went.
        detail: why it failed, or what is worth knowing.
        proof: what the point says of it.
    """
    word, activity = done.value
    if done is Done.APPLIED and isinstance(lease.spec, SuspendSpec | KeySpec):
        word, activity = "suspend" if isinstance(lease.spec, SuspendSpec) else "disable", 2
    elif isinstance(lease.spec, BlockSpec) and lease.spec.effect == COUNT:
        activity = Done.COUNTED.value[1]  # nothing was restricted, so nothing is restored
    event: Event = {
        **classified(activity, status),
        "time": int(at.timestamp() * 1000),
        "message": one_line(f"{word} at {lease.point}: {words_of(lease.spec)}"),
        "command_uid": lease.lease_id,
        "metadata": _metadata(lease, done, status),
        "remediation": {"desc": one_line(f"{lease.playbook or 'by hand'}, step {lease.step}, case {lease.case_id}")},
        "observables": list(_observables(lease.spec)),
        "unmapped": _rest(lease, proof or {}),
    }
    if detail:
        event["status_detail"] = one_line(detail)
    technique = _TECHNIQUES.get((activity, lease.spec.kind))
    if technique is not None:
        event["countermeasures"] = [countermeasure(technique)]
    return event


def classified(activity: int, status: Status) -> dict[str, Any]:
    """Each number with its caption."""
    return {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_uid": CATEGORY,
        "category_name": "Remediation",
        "class_uid": CLASS,
        "class_name": "Remediation Activity",
        "type_uid": CLASS * 100 + activity,
        "severity_id": INFORMATIONAL,
        "severity": "Informational",
        "status_id": status.value,
        "status": status.name.replace("_", " ").title(),
    }


def _metadata(lease: Lease, done: Done, status: Status) -> dict[str, Any]:
    said = "\x1f".join((lease.lease_id, lease.expires_at.isoformat(), done.name, status.name))
    return {
        "version": VERSION,
        "product": {"name": "Stanch", "vendor_name": "Stanch"},
        "uid": hashlib.sha256(said.encode()).hexdigest()[:32],
        "correlation_uid": lease.case_id,
        "log_name": "remediation",
    }


def countermeasure(technique: Technique) -> dict[str, Any]:
    """The technique as an OCSF object."""
    url = _D3FEND + technique.name.replace(" ", "") + "/"
    return {
        "d3f_tactic": {"name": technique.tactic},
        "d3f_technique": {"uid": technique.uid, "name": technique.name, "src_url": url},
    }


def _observables(spec: LeaseSpec) -> Iterator[dict[str, Any]]:
    """Whom and where; type ids of the observable object: 1 host name, 2 IP address, 4 user name, 99 other."""
    if isinstance(spec, SuspendSpec):
        yield _observable("user.name", 4, "User Name", spec.user_id)
        return
    if isinstance(spec, KeySpec):
        yield _observable("api_key.id", 99, "Other", spec.key_id)
        return
    if spec.host:
        yield _observable("host", 1, "Hostname", spec.host)
    for ip in spec.ips:
        yield _observable("src_endpoint.ip", 2, "IP Address", ip)
    for name, value in _named(spec):
        known = (4, "User Name") if name == "sub" else (99, "Other")
        yield _observable(f"claim.{name}", *known, value)


def _observable(name: str, type_id: int, kind: str, value: str) -> dict[str, Any]:
    return {"name": one_line(name), "type_id": type_id, "type": kind, "value": one_line(value)}


def _named(spec: BlockSpec | LimitSpec | MemberSpec) -> list[tuple[str, str]]:
    return sorted(spec.principal.claims().items()) if spec.principal is not None else []


def _rest(lease: Lease, proof: Mapping[str, str]) -> dict[str, Any]:
    """What OCSF has no place for, as flat text."""
    found = {
        "point": lease.point,
        "target": lease.target,
        "expires_at": lease.expires_at.isoformat(),
        "mode": lease.mode,
        "approval": lease.approval.approval_id if lease.approval else "",
        "policy": proof.get("policy", ""),
    }
    return {name: one_line(value) for name, value in found.items() if value}


def one_line(text: str) -> str:
    """Values come from findings: one line, bounded, as JSON text and nothing else."""
    return " ".join(text.split())[:_MAX_TEXT]
