"""Many patterns of words at one place: the index finds what trying each one finds."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.routing import load_routes
from stanch.routing._globs import Globs
from stanch.routing._place import Kind, Token

TEXT = st.text("ab", max_size=4)
TOKENS = st.builds(lambda start, end: Token(Kind.GLOB, start, end), TEXT, TEXT)


@settings(deadline=None)
@given(st.lists(TOKENS, max_size=40), TEXT, TOKENS, st.lists(TOKENS, max_size=3))
def test_the_index_finds_what_trying_each_finds(first: list[Token], word: str, other: Token, more: list[Token]) -> None:
    globs: Globs[Token] = Globs()
    for batch in (first, more):  # the index is made anew after an entry
        for token in batch:
            globs[token] = token
        assert {token for token, _ in globs.meeting(word)} == {token for token in globs if token.meets(word)}
        assert {token for token in globs if _meet(token, other)} <= set(globs.crossing(other))


def _meet(first: Token, second: Token) -> bool:
    starts = first.text.startswith(second.text) or second.text.startswith(first.text)
    return starts and (first.suffix.endswith(second.suffix) or second.suffix.endswith(first.suffix))


HEAD = """version: routing/v1
directory: {users: {user:u: {name: U}}, teams: {team:a: {lead: user:u}}}
default: {id: d, owner: team:a}
rules:
"""


def test_thousands_of_patterns_at_one_place_load_in_seconds() -> None:
    for pattern in ("/a/p{}x*/b", "/a/*-{}.json"):
        rules = (f'- {{id: r{n}, match: {{path: "{pattern.format(n)}"}}, owner: team:a}}\n' for n in range(4_000))
        start = time.process_time()
        load_routes(HEAD + "".join(rules))
        assert time.process_time() - start < 8, pattern  # pair by pair it took half a minute
