"""Redaction: what looks like a credential or personal data reaches no output, and targets of action survive."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.intake.redaction import Redactor
from stanch.sources import Extraction, extract

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
KEY = b"a key of these tests"
REDACTOR = Redactor(KEY)

CANARY = "Canary7Secret9Value"
JWT = ".".join(
    base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
    for part in ('{"alg":"RS256"}', '{"jti":"jti-77","sub":"user-9","client_id":"app-3","sid":"s-1"}', CANARY)
)
GITHUB_TOKEN = "ghp_" + "Canary7Secret9Value0123456789abcdefgh"

SECRETS = [
    f"Authorization: Bearer {CANARY}",
    f"authorization: Basic {base64.b64encode(f'user:{CANARY}'.encode()).decode()}",
    f"Cookie: a=1; session={CANARY}",
    f"Set-Cookie: sid={CANARY}; HttpOnly",
    f"X-Api-Key: {CANARY}",
    f"Proxy-Authorization: {CANARY}",
    f"bearer {CANARY}",
    f"password={CANARY}",
    f'{{"password": "{CANARY}"}}',
    f'{{\\"password\\":\\"{CANARY}\\"}}',
    f"{{'passwd': '{CANARY} with spaces'}}",
    f"db_password: {CANARY}",
    f"access_token={CANARY}&x=1",
    f"client_secret={CANARY}",
    f"otp={CANARY}",
    f"https://user:{CANARY}@host.example.com/",
    JWT,
    GITHUB_TOKEN,
    f"github_pat_11ABCDEFG0_{CANARY}0123456789",
    f"glpat-{CANARY}-xx",
    f"xoxb-123456789012-{CANARY}",
    f"https://hooks.slack.com/services/T000/B000/{CANARY}",
    f"sk_live_{CANARY}",
    f"whsec_{CANARY}{CANARY}",
    f"AIza{CANARY}{CANARY}"[:39],
    f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY} and the end is missing",
    f"{CANARY}@example.com",
    f"q={quote(f'{CANARY}@example.com')}",
    quote(f"password={CANARY}"),
    base64.b64encode(f"GET / HTTP/1.1\r\nAuthorization: Bearer {CANARY}\r\n".encode()).decode(),
]


@pytest.mark.parametrize("secret", SECRETS)
def test_shapes_are_masked_in_text(secret: str) -> None:
    for text in (secret, f"before {secret} after", f"Seen:\n{secret}\nthen more"):
        redacted = REDACTOR.text(text)
        assert CANARY not in redacted
        assert "[redacted]" in redacted


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "4111_1111_1111_1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "+49 170 1234567",
        "+14155552671",
        "sk-abcdefghij0123456789",
        "LTAI5tAbCdEfGhIjKlMn",
    ],
)
def test_numbers_and_keys_are_masked(secret: str) -> None:
    assert REDACTOR.text(f"value {secret} end") == "value [redacted] end"


@pytest.mark.parametrize(
    "text",
    [
        "The bearer authentication token is missing; basic authentication is used.",
        "Broken authentication: tokens are not checked, the password policy is weak.",
        "GET /api/v1/users/999/orders returned 200",
        "Order 4111111111111112 failed at 2026-03-18T12:00:00.000Z",
        "CVE-2021-44228 in org.apache.logging.log4j:log4j-core 2.14.1",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "arn:aws:lambda:us-east-1:123456789012:function:orders",
        "Cross-Site Scripting: 100%25 of inputs",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("path", ["/orders#a1b2", "orders?a1=b2#c3", "?a1#c3"])
def test_fragments_and_query_values_go_even_where_nothing_in_them_looks_private(path: str) -> None:
    clean, _ = REDACTOR.report({"api": {"path": path}})
    assert clean == {"api": {"path": path.split("#")[0].replace("b2", "")}}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from leaves(item, (*path, name))


def planted(data: Any, path: tuple[Any, ...], text: str) -> bytes:
    copy = json.loads(json.dumps(data))
    node = copy
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = f"{node[path[-1]]} {text}"
    return json.dumps(copy).encode()


def everything(found: Extraction) -> str:
    findings = [finding.model_dump_json() for finding in found.findings]
    return repr((findings, found.quarantined, dict(found.ignored), dict(found.warnings)))


PLANTABLE = [path for path in sorted(SAMPLES.glob("*.json")) if path.stat().st_size < 5000]


@pytest.mark.parametrize("path", PLANTABLE, ids=lambda path: path.name)
def test_canaries_planted_anywhere_appear_nowhere(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    data = json.loads(lines[0] if path.name.startswith("nuclei") else "\n".join(lines))  # some are one document a line
    text = f"Bearer {CANARY}1 {JWT} {GITHUB_TOKEN}"
    for place in leaves(data):
        assert CANARY not in everything(extract(planted(data, place, text), redactor=REDACTOR)), place


TEXTS = ["title", "description", "remediation", "type", "rule_name", "labels", "api.parameter", "evidence.excerpt"]


@pytest.mark.parametrize("place", TEXTS)
@pytest.mark.parametrize("secret", [f"{CANARY}@example.com", f"password={CANARY}", f"Cookie: x={CANARY}"])
def test_personal_data_in_text_fields_appears_nowhere(place: str, secret: str) -> None:
    data: dict[str, Any] = {"title": "t", "type": "x", "severity": "low", "api": {"host": "a.example.com"}}
    text = f"words {secret} words"
    name, _, inner = place.partition(".")
    match place:
        case "labels":
            data[name] = [text]
        case "evidence.excerpt":
            data[name] = [{inner: text}]
        case "api.parameter":
            data[name] = data[name] | {inner: text}
        case _:
            data[name] = text
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    assert len(found.findings) == 1
    assert CANARY.lower() not in everything(found).lower()
    assert sum(found.findings[0].redactions.values()) >= 1


def test_urls_lose_query_values_credentials_and_private_segments() -> None:
    api = {"url": f"https://u:{CANARY}@a.example.com/u/{CANARY}@example.com/o?q={CANARY}#{CANARY}", "method": "GET"}
    data = {"title": "t", "type": "x", "api": api, "src_url": f"https://c.example.com/f?id={CANARY}&p=2"}
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    finding = found.findings[0]
    assert CANARY not in everything(found)
    assert (finding.api.host, finding.api.path) == ("a.example.com", "/u/{p}/o")
    assert finding.finding_info.src_url == "https://c.example.com/f?id=[redacted]&p=[redacted]"


def test_a_raw_token_becomes_a_keyed_hash_and_its_identifiers() -> None:
    data = {"title": "t", "type": "x", "kind": "attack", "actor": {"token": f"Bearer {JWT}"}}
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    actor = found.findings[0].actors[0]
    assert JWT not in everything(found)
    assert actor.token_hash == REDACTOR.token_hash(JWT)
    assert (actor.token_id, actor.user_id, actor.client_id, actor.session_id) == ("jti-77", "user-9", "app-3", "s-1")
    assert Redactor(b"another").token_hash(JWT) != actor.token_hash


@pytest.mark.parametrize("name", ["token_id", "session_id"])
def test_a_raw_token_in_the_place_of_its_id_is_nobody_to_block(name: str) -> None:
    for raw in (JWT, f"Bearer {JWT}"):
        data = {"title": "t", "type": "x", "kind": "attack", "actor": {name: raw, "ip": "203.0.113.7"}}
        found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
        actor = found.findings[0].actors[0]
        assert JWT not in everything(found)
        assert (actor.token_id, actor.session_id, actor.user_id) == ("jti-77", "s-1", "user-9")
        assert actor.token_hash == REDACTOR.token_hash(JWT)


def test_a_masked_identifier_is_left_out() -> None:
    data = {
        "title": "t",
        "type": "x",
        "kind": "attack",
        "actor": {"user_id": JWT, "client_id": JWT, "ip": "203.0.113.7"},
    }
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    actor = found.findings[0].actors[0]
    assert (actor.user_id, actor.client_id, actor.token_hash, actor.ip) == (None, None, None, "203.0.113.7")


@pytest.mark.parametrize("option", ["-u admin:", "--user admin:", "-u 'admin:", "-sS -X POST -uadmin:"])
def test_what_curl_signs_in_with_is_masked(option: str) -> None:
    text = f"curl {option}{CANARY} https://a.example.com/"
    data = {"title": "t", "type": "x", "description": text, "api": {"host": "a.example.com"}}
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    assert CANARY not in everything(found)
    assert "https://a.example.com/" in found.findings[0].finding_info.desc


def test_a_token_in_the_place_of_a_hash_is_hashed() -> None:
    for stated in (CANARY, REDACTOR.token_hash("t")):
        data = {"title": "t", "type": "x", "kind": "attack", "actor": {"token_hash": stated}}
        found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
        assert CANARY not in everything(found)
        assert found.findings[0].actors[0].token_hash == (REDACTOR.token_hash(CANARY) if stated == CANARY else stated)


def test_a_private_segment_of_a_declared_template_is_masked() -> None:
    data = {"title": "t", "type": "x", "api": {"host": "a.example.com", "path_template": f"/u/{CANARY}@a.com/{{id}}"}}
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    assert found.findings[0].api.path_template == "/u/{p}/{id}"


def test_a_misspelt_name_is_repeated_briefly_and_without_control_characters() -> None:
    data = {"schema": "finding/1", "\x1b[31m\n" + "k" * 5000: 1}
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    assert len(found.quarantined[0].message) < 300
    assert found.quarantined[0].place.isprintable()


def test_one_token_is_one_identity_however_it_is_written() -> None:
    def identity(token: str) -> str:
        data = {"title": "t", "type": "x", "kind": "attack", "actor": {"token": token}}
        return extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR).findings[0].identity

    assert identity("opaque-token-1") == identity("Bearer opaque-token-1")
    assert identity("opaque-token-1") != identity("opaque-token-2")


def test_who_must_be_stopped_stays_known() -> None:
    actor = {"ip": "203.0.113.7", "user_id": "joe@example.com", "client_id": "AKIAIOSFODNN7EXAMPLE"}
    data = {"title": "t", "type": "x", "kind": "attack", "actor": actor}
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR).findings[0].actors[0]
    assert (found.ip, found.user_id, found.client_id) == tuple(actor.values())


def test_personal_data_in_other_names_is_hidden_and_keeps_problems_apart() -> None:
    def finding(uid: str) -> Any:
        data = {"title": "t", "type": "x", "rule": "r", "resource": {"uid": f"user/{uid}"}}
        return extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR).findings[0]

    joe, joe_again, ann = (finding(f"{name}@example.com") for name in ("joe", "Joe", "ann"))
    assert "example.com" not in joe.model_dump_json()
    assert joe.resources[0].uid.startswith("user/[redacted:")
    assert joe.identity == joe_again.identity != ann.identity


def test_redactions_are_counted_by_rule() -> None:
    data = {"title": "a@example.com and b@example.com", "type": "x", "api": {"host": "a.example.com"}}
    found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
    assert found.findings[0].redactions == {"email": 2}


@given(st.text(max_size=400))
def test_redaction_never_raises_and_settles(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


HOSTILE = [
    *("a", "a@", "1", "eyJ", "-----BEGIN ", "password", "+1 ", "DE11 ", "a.", "\\", "api_key_", "1-", "://", "%41"),
    *(
        "token:",
        "curl -u ",
        "curl -b ",
        'token=\\"',
        'token="',
        "token='",
        "--token ",
        "password</td><td>",
        "password|",
    ),
    *("&#65;", "&amp;", "\\u0041", "%2541", "\\\\\\\\u0041", "4111 ", "4111-1111 ", "555-", "(415) ", "QUFB", "QUFB\n"),
    *(
        "a/b/",
        "cookie: ",
        'authorization:"',
        "x-a-token",
        '"authorization", ',
        "basic ",
        "bearer aaaaaaaa ",
        "[redacted]",
    ),
    *(
        "ab@cd.",
        "111.",
        "DE89 3704 ",
        "sk-aa1-",
        "M",
        "eyJaaaa.",
        "Cookie: a=1\\r",
        "\r\n",
        "tel 1",
        "AKIA",
        "secret:/",
    ),
    *("' \"", "://a:", "://aaaaaaaaaaaaaaaaa", 'password:"\\', "-----BEGIN PRIVATE KEY-----", "aws AAAA", "1.1-1/1 "),
]
EVERY_TRIGGER = (
    " password token secret cookie: authorization: eyJ bearer basic curl :// --x </ | aws @ %40 +49 12345678 tel gh xox"
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_text_is_slow_to_redact(unit: str) -> None:
    text = (unit * 300_000)[: 256 * 1024] + EVERY_TRIGGER
    start = time.process_time()
    REDACTOR.report({"description": text, "title": text, "src_url": text, "api": {"url": text, "host": text}})
    assert time.process_time() - start < 2.0


def cost(text: str) -> float:
    """CPU seconds of redacting, the best of three."""

    def once() -> float:
        start = time.process_time()
        REDACTOR.text(text)
        return time.process_time() - start

    return min(once() for _ in range(3))


@pytest.mark.parametrize("unit", HOSTILE)
def test_four_times_the_text_is_about_four_times_the_work(unit: str) -> None:
    small, large = ((unit * 20_000)[:size] + EVERY_TRIGGER for size in (4096, 16384))
    assert any(cost(large) < 9 * cost(small) + 0.01 for _ in range(5)), "not once, however quiet the machine was"


def test_a_document_of_any_size_costs_what_is_kept_of_it() -> None:
    document = {"rows": [{"note": "4111 1111 1111 1112 555-555-5555 " * 20, "n": number} for number in range(3000)]}
    start = time.process_time()
    kept = REDACTOR.document(document, limit=16 * 1024)
    assert time.process_time() - start < 1.0
    assert len(kept) <= 24 * 1024


DOCUMENTS: list[Any] = [
    {"password": CANARY},
    {"db": {"clientSecret": [CANARY]}},
    {"headers": [{"name": "Authorization", "value": CANARY}]},
    {"headers": [["Cookie", f"a={CANARY}"]]},
    {"headers": {"X-Api-Key": CANARY}},
    {"raw": json.dumps({"inner": json.dumps({"access_token": CANARY})})},
    {f"{CANARY}@example.com": 1},
    {"body": base64.b64encode(f"POST / HTTP/1.1\r\nCookie: id={CANARY}\r\n\r\n".encode()).decode()},
    [f"password={CANARY}", {"text": "x " * 9000 + f"password={CANARY}"}],
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_that_nobody_mapped_keeps_no_secret(document: Any) -> None:
    kept = REDACTOR.document(document, limit=64 * 1024)
    assert CANARY not in kept
    json.loads(kept)


def test_a_card_number_is_masked_as_a_number_too() -> None:
    assert json.loads(REDACTOR.document({"card": 4111111111111111, "count": 4111}, limit=999)) == {
        "card": "[redacted]",
        "count": 4111,
    }
    data, _ = REDACTOR.report({"title": 4111111111111111, "count": 17})
    assert data == {"title": "[redacted]", "count": 17}


SHAPED = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            [*SECRETS, *EVERY_TRIGGER.split(), "[redacted]", '\\"', "'", "%3D", "&quot;", "\\u003d", ": ", "\n"]
        ),
    ),
    max_size=12,
).map("".join)


NUMBER = (
    r"[0-9]{17}[0-9X]|[A-Z]{2}[0-9]{10,30}|\+?[0-9]{2,4}([ .-]?[0-9]{2,4}){2,5}"
    r"|[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]"
)


def test_a_number_of_a_place_that_the_library_does_not_know_is_no_failure() -> None:
    assert REDACTOR.text("number 432145953804268006") == "number 432145953804268006"


@given(st.from_regex(NUMBER, fullmatch=True))
def test_no_number_breaks_the_libraries_that_check_it(text: str) -> None:
    once = REDACTOR.text(f"number {text}.")
    assert once in (f"number {text}.", "number [redacted].") or "[redacted]" in once


@given(SHAPED)
def test_redacting_again_changes_nothing(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


FIELDS = [
    "title",
    "description",
    "src_url",
    "references",
    "url",
    "path",
    "host",
    "user_id",
    "uid",
    "rule",
    "token_hash",
]


@given(st.dictionaries(st.sampled_from(FIELDS), SHAPED, max_size=5), st.randoms())
def test_a_report_is_redacted_once_and_in_any_order(report: dict[str, str], random: Any) -> None:
    once, _ = Redactor(KEY).report(report)
    assert Redactor(KEY).report(once)[0] == once
    shuffled = list(report.items())
    random.shuffle(shuffled)
    assert Redactor(KEY).report(dict(shuffled))[0] == once
    assert REDACTOR.report(report)[0] == once  # what is remembered changes nothing


@pytest.mark.parametrize("place", ["title", "type", "uid", "path", "parameter", "host"])
def test_no_identity_depends_on_a_secret(place: str) -> None:
    def identity(token: str) -> str:
        data: dict[str, Any] = {"title": "t", "type": "x", "uid": "", "api": {"host": "a.example.com", "path": "/a"}}
        where = data if place in data else data["api"]
        where[place] = f"{where.get(place, '')}{'/' if place == 'path' else ' '}{token}"
        found = extract(json.dumps(data).encode(), adapter="own", redactor=REDACTOR)
        return found.findings[0].identity if found.findings else ""

    assert identity(GITHUB_TOKEN) == identity(GITHUB_TOKEN[:-4] + "wxyz")
