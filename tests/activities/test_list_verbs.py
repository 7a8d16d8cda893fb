"""Members of lists as leases: asked for at the point of their join, judged in pairs, held by several cases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from glue import Glue, job

from activities._asked import spec_of
from activities._guard import check_action, check_lease
from activities._membership import join_checks, member_of
from activities.blocks import lease_of
from stanch.actions.lists import Add
from stanch.errors import Refused, Rejected
from stanch.fitting import Need
from stanch.lease_words import words_of, words_of_json
from stanch.leases import Lease, LeaseState, MemberSpec
from stanch.records import LeaseRow

WHO = {"list": "abusive_tokens", "principal": {"token_id": "t-1"}, "ttl": "1h"}
WHERE = {"list": "sensitive_endpoints", "host": "api.example.com", "path": "/v1/orders/{id}", "ttl": "1h"}


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path, points={"edge": {"kind": "envoy", "hosts": ["*.example.com"]}}) as made:
        yield made


def lease(glue: Glue, given: dict[str, Any], *, key: str = "0f" * 16) -> Lease:
    task = job("list.add", given, key=key)
    made = lease_of(glue.world, task, task.spec.params.model_validate(given))
    return made.model_copy(update={"mode": "auto"})


def stand(glue: Glue, given: dict[str, Any], *, key: str = "1f" * 16) -> None:
    row = LeaseRow(lease=lease(glue, given, key=key), state=LeaseState.HELD, updated=datetime.now(UTC))
    glue.records.put_lease(row)


def refused(glue: Glue, given: dict[str, Any]) -> tuple[str, str]:
    """The codes at plan time and right before the write; the same, or one of the guards can be passed by."""
    found: list[str] = []
    task = job("list.add", given)
    for check in (
        lambda: check_action(glue.world, task, task.spec.params.model_validate(given)),
        lambda: check_lease(glue.world, lease(glue, given)),
    ):
        try:
            check()
            found.append("")
        except Refused as error:
            found.append(error.code)
    return found[0], found[1]


def test_a_member_is_held_at_the_point_of_its_join(glue: Glue) -> None:
    made = lease(glue, WHO)
    assert (made.point, made.spec.kind) == ("edge", "member")
    assert isinstance(made.spec, MemberSpec)
    assert made.spec.join == "abusive_on_sensitive"
    assert made.target == lease(glue, WHO, key="2f" * 16).target  # another case's claim on the same member
    assert words_of(made.spec) == "list abusive_tokens: token_id t-1"
    assert words_of_json(made.spec.model_dump(mode="json")) == "list abusive_tokens: token_id t-1"
    assert "/v1/orders/{id}" in words_of(lease(glue, WHERE).spec)


def test_a_pair_with_what_stands_is_judged_before_the_plan_and_before_the_write(glue: Glue) -> None:
    assert refused(glue, WHO) == ("", "")
    protected = {**WHERE, "path": "/healthz"}
    assert refused(glue, protected) == ("G124", "G124")
    assert refused(glue, {**WHO, "principal": {"user_id": "break-glass"}}) == ("G121", "G121")
    assert refused(glue, {**WHERE, "host": "id.example.com"}) == ("G125", "G125")
    assert refused(glue, {**WHO, "list": "sensitive_endpoints"}) == ("G150", "G150")


def test_the_ceilings_count_what_stands_and_not_the_same_member_again(glue: Glue) -> None:
    glue.change_policy("lists.yaml", "most: 2000", "most: 1")
    stand(glue, WHERE)
    stand(glue, WHO, key="3f" * 16)
    assert refused(glue, WHO) == ("", "")  # a second holder of a member is no second member
    assert refused(glue, {**WHO, "principal": {"token_id": "t-2"}}) == ("G152", "G152")


@pytest.mark.parametrize(
    "wrong",
    [
        {"list": "abusive_tokens"},
        {"list": "abusive_tokens", "host": "api.example.com", "ip": "192.0.2.1"},
        {"list": "abusive_tokens", "ip": "192.0.2.1", "path": "/x"},
    ],
)
def test_a_member_is_an_endpoint_or_somebody(wrong: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as error:
        spec_of(Add.model_validate(wrong))
    assert error.value.code == "L019"


def test_a_list_without_a_join_takes_nobody(glue: Glue) -> None:
    with pytest.raises(Rejected) as error:
        lease(glue, {**WHO, "list": "unheard_of"})
    assert error.value.code == "L010"
    assert member_of(Add.model_validate({"list": "a", "ip": "192.0.2.1"})).side == "principals"


@pytest.mark.parametrize(
    ("at", "said"),
    [("nowhere", "there is no point called nowhere"), ("waf", "waf joins no lists"), ("edge", "at edge")],
)
def test_doctor_tells_a_join_at_a_point_that_is_not_there_or_cannot_join(tmp_path: Path, at: str, said: str) -> None:
    with Glue(tmp_path, points={"edge": {"kind": "memory", "hosts": ["*"]}}) as glue:
        glue.world._built["point", "edge"] = type("Joining", (), {"expresses": frozenset({Need.LIST})})()
        glue.world._built["point", "waf"] = object()
        glue.world.settings.points["waf"] = {"kind": "memory", "hosts": []}
        glue.change_policy("lists.yaml", "at: edge", f"at: {at}")
        (check,) = join_checks(glue.world)
        assert (check.ok, check.detail, bool(check.fix)) == (at == "edge", said, at != "edge")
        if at == "nowhere":  # no writer is started for a point that nobody has
            with pytest.raises(Rejected) as caught:
                lease(glue, WHO)
            assert caught.value.code == "L010"
