"""The rules file as text: whatever a finding says, it stays inside its quotes, judged by a reader of our own."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities._edge.gateway import Block
from activities._edge.rules import Entries, seal, sealed_target
from activities._envoy.policy import canary_value, policy_name
from activities._nginx.rules import compile_block, generation_of, parse, render
from stanch.errors import Rejected
from stanch.leases import BlockSpec, Principal, target_of

SECRET = b"a secret of some length"
FIRST = 9_000_000
ENDS = datetime(2026, 12, 1, tzinfo=UTC)
HOSTILE_PATHS = [
    '/a"b',
    "/a'b",
    '/" "id:1,phase:1,pass"',
    "/a\\",
    '/a\\"',
    "/a\nSecRuleEngine Off",
    "/a\r\nSecRuleRemoveById 1-99999999",
    "/%0aSecRuleEngine%20Off",
    "/%{REQUEST_HEADERS.Host}",
    "/%{TX.0}",
    "/(?:a+)+$",
    "/[a-z]",
    "/a|.*",
    "/.*",
    "/\\A.*\\z",
    "/(?#x)",
    "/a,ctl:ruleEngine=Off",
    "/\u2028x",
    "/\x00x",
    "/ünï/cödé",
    "/\U0001f600",
    "/a%22%27%5c",
    "/ # x",
    "/" + "a" * 400,
]
REFUSED = {"/a\\", '/a\\"', "/(?:a+)+$", "/\\A.*\\z", "/(?#x)", "/a%22%27%5c", "/ # x"}  # no template, or a backslash


def entry(spec: BlockSpec, *, case: str = "case-1", count: bool = False) -> tuple[str, dict[str, object]]:
    target = target_of(spec)
    name = policy_name(case_id=case, expires_at=ENDS, target=target)
    block = Block(spec, name, case, canary_value(SECRET, target), seal(target, SECRET), count)
    return name, compile_block(block, token_header="authorization", ignore_case=False)


def written(*specs: BlockSpec) -> tuple[Entries, str]:
    entries = dict(entry(spec) for spec in specs)
    return entries, render(entries, first_id=FIRST, secret=SECRET).decode()


def directives(text: str) -> list[list[str]]:
    """A reader of SecLang that knows quotes, escapes and comments, and nothing of how ours is written."""
    found: list[list[str]] = []
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)
        rebuilt = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", line)
        assert '"' not in rebuilt, line
        found.append([quoted or plain for quoted, plain in words])
    return found


def actions(text: str) -> list[str]:
    """Split at commas outside single quotes."""
    return re.findall(r"(?:[^,']|'[^']*')+", text)


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_hostile_path_changes_nothing_but_what_its_own_rule_matches(path: str) -> None:
    if path in REFUSED:
        with pytest.raises(Rejected, match=r"path template|backslash"):
            written(BlockSpec(host="api.example.com", path=path))
        return
    entries, text = written(BlockSpec(host="api.example.com", path=path))
    assert text.isascii()
    assert {words[0] for words in directives(text)} == {"SecAction", "SecRule"}
    rules = [words for words in directives(text) if words[0] == "SecRule"]
    assert len(rules) == 2 + 2 + 1  # views of the path, host and path of the block, the probe
    assert all(len(words) == 4 for words in rules)
    ids = [int(number) for words in directives(text) for number in re.findall(r"\bid:(\d+)", words[-1])]
    assert ids == sorted(set(ids)) or len(set(ids)) == len(ids)
    assert all(FIRST <= number < FIRST + 20 for number in ids)
    assert not any(act.startswith(("ctl:", "exec:", "redirect:")) for words in rules for act in actions(words[3]))
    assert "%{" not in "".join(words[2] for words in rules)
    assert parse(text.encode(), first_id=FIRST, secret=SECRET) == entries


def test_hostile_claims_and_hosts_are_refused() -> None:
    for nasty in ['u"1', "u'1\\", "u\n1", "%{TX.1}\x00", "ü"]:
        with pytest.raises(Rejected):
            entry(BlockSpec(host="api.example.com", principal=Principal(user_id=nasty)))
    for nasty in ['a"b.example.com', "a b", "*.example.com", "a\nb", "%{x}"]:
        with pytest.raises(Rejected):
            entry(BlockSpec(host=nasty))
    for nasty in ["GET|POST", 'GET"', "G ET", ""]:
        with pytest.raises(Rejected):
            entry(BlockSpec(host="api.example.com", methods=(nasty,)))
    for nasty in ["1.2.3.4,0.0.0.0/0", "@ipMatchFromFile", "1.2.3.4/33"]:
        with pytest.raises(Rejected):
            entry(BlockSpec(host="api.example.com", ips=(nasty,)))


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60))
def test_any_path_is_read_back_as_it_was_written_or_refused(path: str) -> None:
    try:
        entries, text = written(BlockSpec(host="api.example.com", path=f"/{path}"))
    except Rejected:
        return
    assert {words[0] for words in directives(text)} == {"SecAction", "SecRule"}
    assert parse(text.encode(), first_id=FIRST, secret=SECRET) == entries


def test_credential_of_a_request_is_never_what_decides_last() -> None:
    """ModSecurity writes the value that decided into nginx's error log."""
    spec = BlockSpec(host="api.example.com", methods=("GET",), principal=Principal(user_id="u1"), ips=("192.0.2.1",))
    for path in ("/users/{id}", "/**"):
        _, text = written(spec.model_copy(update={"path": path}))
        for words in directives(text):
            if words[0] == "SecRule" and "chain" not in actions(words[3]) and "nolog" not in actions(words[3]):
                assert words[1] in ("TX:stanch_path|TX:stanch_mixed", "REQUEST_METHOD")


def test_counted_block_passes_and_a_blocking_one_denies_with_403() -> None:
    for count, effect in ((True, "pass"), (False, "deny")):
        name, made = entry(BlockSpec(host="api.example.com", path="/a"), count=count)
        text = render({name: made}, first_id=FIRST, secret=SECRET).decode()
        (first,) = [actions(words[3]) for words in directives(text) if f"msg:'{name}'" in words[-1]]
        assert effect in first
        assert ("status:403" in first) == (effect == "deny")


def test_file_changed_by_hand_is_refused() -> None:
    _, text = written(BlockSpec(host="api.example.com", path="/a"))
    for other in (
        text + "SecRuleEngine Off\n",
        text.replace("deny", "pass"),
        text.replace("/a", "/b"),
        "# x\n",
        "\xff",
    ):
        with pytest.raises(Rejected):
            parse(other.encode("latin-1"), first_id=FIRST, secret=SECRET)
    with pytest.raises(Rejected):
        parse(text.encode(), first_id=FIRST, secret=b"another secret")
    assert parse(b"", first_id=FIRST, secret=SECRET) == {}


def test_every_file_has_a_word_of_its_own_that_cannot_be_guessed() -> None:
    texts = [render({}, first_id=FIRST, secret=secret) for secret in (b"one", b"two")]
    texts.append(written(BlockSpec(host="api.example.com"))[1].encode())
    assert len({generation_of(text) for text in texts}) == 3


def test_seal_proves_who_wrote_it() -> None:
    assert sealed_target(seal("t1", SECRET), SECRET) == "t1"
    assert sealed_target(seal("t1", SECRET), b"other") == ""
    assert sealed_target("t2" + seal("t1", SECRET)[2:], SECRET) == ""
    assert sealed_target("", SECRET) == ""
    assert sealed_target("é" * 30, SECRET) == ""
