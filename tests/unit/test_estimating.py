"""Statements over records: what is known is judged as WAF describes it, what is not recorded is never a no."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from stanch.estimating import Request, Truth, from_sample, from_waf_log, judge, judged, read_statement, tally
from stanch.estimating.truth import agreed, every, opposite, some

YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN


def text(field: str, search: str | bytes, *transforms: str, constraint: str = "EXACTLY", **body: Any) -> dict[str, Any]:
    """A byte match, as a rule has it."""
    listed = [{"Priority": number, "Type": name} for number, name in enumerate(transforms or ("NONE",))]
    given = {"SearchString": search, "FieldToMatch": {field: body}, "PositionalConstraint": constraint}
    return {"ByteMatchStatement": {**given, "TextTransformations": listed}}


def verdict(statement: dict[str, Any], request: Request, **options: Any) -> Truth:
    return judge(read_statement(statement, **options), request)


def test_kleene() -> None:
    assert [every(pair) for pair in ([], [YES, UNKNOWN], [UNKNOWN, NO])] == [YES, UNKNOWN, NO]
    assert [some(pair) for pair in ([], [NO, UNKNOWN], [UNKNOWN, YES])] == [NO, UNKNOWN, YES]
    assert [opposite(one) for one in (YES, NO, UNKNOWN)] == [NO, YES, UNKNOWN]
    assert [agreed(pair) for pair in ([YES, YES], [YES, NO])] == [YES, UNKNOWN]


@pytest.mark.parametrize(
    "path", ["/users/7", "/%75sers/7", "//users/./7", "/x/../users/7", "/USERS/%37", "/users/%2e%2e/users/7"]
)
def test_evasions_of_a_path_are_seen_through_as_far_as_the_transformations_reach(path: str) -> None:
    statement = text("UriPath", "/users/7", "URL_DECODE", "NORMALIZE_PATH", "LOWERCASE")
    assert verdict(statement, Request(path=path)) is YES
    plain = verdict(text("UriPath", "/users/7"), Request(path=path))
    assert plain is (YES if path == "/users/7" else NO)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("URL_DECODE", b"%2575", b"%75"),
        ("URL_DECODE", b"100%", b"100%"),
        ("URL_DECODE", b"%zz%4", b"%zz%4"),
        ("URL_DECODE_UNI", b"%u0061%uFF21%41", b"aAA"),
        ("NORMALIZE_PATH", b"/a/b/../../c//./d/", b"/c/d/"),
        ("NORMALIZE_PATH", b"/../a", b"/../a"),
        ("NORMALIZE_PATH_WIN", b"\\a\\..\\b", b"/b"),
        ("LOWERCASE", "ÄB".encode(), "Äb".encode()),
        ("COMPRESS_WHITE_SPACE", b"a \t\n\xa0b", b"a b"),
        ("HTML_ENTITY_DECODE", b"&lt;&#x61;", b"<a"),
        ("REMOVE_NULLS", b"a\0b", b"ab"),
        ("REPLACE_NULLS", b"a\0b", b"a b"),
        ("REPLACE_COMMENTS", b"a/*x*/b/*y", b"a b "),
        ("BASE64_DECODE", b"YWI=", b"ab"),
        ("HEX_DECODE", b"6162", b"ab"),
        ("MD5", b"k", hashlib.md5(b"k", usedforsecurity=False).digest()),
        ("SHA256", b"key-1", hashlib.sha256(b"key-1").digest()),
    ],
)
def test_transformations(name: str, before: bytes, after: bytes) -> None:
    request = Request(headers={"x": (before.decode("utf-8", "surrogateescape"),)}, headers_whole=True)
    assert verdict(text("SingleHeader", after, name, Name="X"), request) is YES
    assert verdict(text("SingleHeader", after + b"!", name, Name="X"), request) is NO


def test_what_has_two_readings_is_known_only_where_both_agree() -> None:
    plus = Request(query="a+b")
    assert verdict(text("QueryString", "a b", "URL_DECODE"), plus) is UNKNOWN
    assert verdict(text("QueryString", "a", "URL_DECODE", constraint="STARTS_WITH"), plus) is YES
    assert verdict(text("QueryString", "a", "JS_DECODE"), plus) is UNKNOWN
    assert verdict(text("QueryString", "a", "BASE64_DECODE"), plus) is UNKNOWN


def test_header_not_sent_is_no_and_header_not_recorded_is_unknown() -> None:
    wanted = text("SingleHeader", "k", Name="x-api-key")
    assert verdict(wanted, Request(headers={}, headers_whole=True)) is NO
    assert verdict(wanted, Request(headers={})) is UNKNOWN
    assert verdict(wanted, Request(headers={"x-api-key": None}, headers_whole=True)) is UNKNOWN
    assert verdict(wanted, Request(headers={"x-api-key": ("j", "k")}, headers_whole=True)) is YES
    assert verdict({"NotStatement": {"Statement": wanted}}, Request(headers={})) is UNKNOWN


def test_everything_that_a_record_cannot_decide_is_unknown() -> None:
    for kind in ("SqliMatchStatement", "ManagedRuleGroupStatement", "LabelMatchStatement", "SomethingNew"):
        assert verdict({kind: {}}, Request(path="/")) is UNKNOWN
    rate = {"RateBasedStatement": {"Limit": 100, "ScopeDownStatement": text("Method", "GET")}}
    assert [verdict(rate, Request(method=method)) for method in ("GET", "POST")] == [UNKNOWN, NO]
    assert verdict({"RegexMatchStatement": {"RegexString": "(", "FieldToMatch": {"Method": {}}}}, Request()) is UNKNOWN
    with pytest.raises(ValueError, match="exactly one"):
        read_statement({"AndStatement": {}, "OrStatement": {}})


@pytest.mark.parametrize(
    ("client", "found"),
    [
        ("203.0.113.9", YES),
        ("203.0.114.9", NO),
        ("2001:db8::7", YES),
        ("2001:db9::7", NO),
        ("unix:@", NO),
        (None, UNKNOWN),
    ],
)
def test_addresses_of_both_families(client: str | None, found: Truth) -> None:
    statement = {"IPSetReferenceStatement": {"ARN": "arn:set"}}
    members = {"arn:set": ["203.0.113.0/24", "2001:db8::/32"]}
    assert verdict(statement, Request(client=client), sets=members.get) is found
    assert verdict(statement, Request(client=client)) is UNKNOWN


def test_forwarded_addresses_are_read_where_the_rule_reads_them() -> None:
    def asked(position: str, header: tuple[str, ...]) -> Truth:
        config = {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH", "Position": position}
        statement = {"IPSetReferenceStatement": {"ARN": "a", "IPSetForwardedIPConfig": config}}
        headers = {"x-forwarded-for": header} if header else {}
        return verdict(statement, Request(headers=headers, headers_whole=True), sets=lambda _: ["192.0.2.1/32"])

    listed = ("192.0.2.1, 198.51.100.1",)
    assert [asked(position, listed) for position in ("FIRST", "LAST", "ANY")] == [YES, NO, YES]
    assert (asked("FIRST", ("nonsense",)), asked("FIRST", ())) == (YES, YES)  # FallbackBehavior MATCH


def test_body_is_judged_as_far_as_it_is_inspected_and_recorded() -> None:
    def asked(body: bytes | None, over: str, *, cut: bool = False) -> Truth:
        statement = text("Body", "evil", constraint="CONTAINS", OversizeHandling=over)
        return verdict(statement, Request(body=body, body_cut=cut), body_limit=16)

    long = b"x" * 20 + b"evil"
    assert [asked(long, over) for over in ("MATCH", "NO_MATCH", "CONTINUE")] == [YES, NO, NO]
    assert [asked(b"so evil", "CONTINUE"), asked(None, "CONTINUE")] == [YES, UNKNOWN]
    assert asked(b"so far so go", "CONTINUE", cut=True) is UNKNOWN


@pytest.mark.parametrize(
    ("body", "found"),
    [({"user": {"id": "u1"}}, YES), ({"user": {"id": "u2"}}, NO), ({"id": "u1"}, NO), (None, UNKNOWN)],
)
def test_json_body_by_pointer(body: object, found: Truth) -> None:
    field = {"MatchPattern": {"IncludedPaths": ["/user/id"]}, "MatchScope": "VALUE", "OversizeHandling": "CONTINUE"}
    raw = json.dumps(body).encode() if body is not None else b"{not json"
    assert verdict(text("JsonBody", "u1", **field), Request(body=raw)) is found
    assert verdict(text("JsonBody", "u1", **field), Request()) is UNKNOWN
    assert verdict(text("JsonBody", "u1", **field), Request(body=b"[" * 100_000)) is UNKNOWN


def test_cookies_arguments_and_countries() -> None:
    request = Request(headers={"cookie": ("a=1; session=s-7",)}, headers_whole=True, query="Id=7&q=%41", country="DE")
    cookie = {"MatchPattern": {"IncludedCookies": ["session"]}, "MatchScope": "VALUE", "OversizeHandling": "CONTINUE"}
    assert verdict(text("Cookies", "s-7", **cookie), request) is YES
    assert verdict(text("Cookies", "1", **cookie), request) is NO
    assert verdict(text("SingleQueryArgument", "7", Name="id"), request) is YES
    assert verdict(text("AllQueryArguments", "A", "URL_DECODE"), request) is YES
    assert verdict({"GeoMatchStatement": {"CountryCodes": ["DE", "FR"]}}, request) is YES
    assert verdict({"GeoMatchStatement": {"CountryCodes": ["DE"]}}, Request()) is UNKNOWN


def test_samples_and_log_lines_of_waf_are_read() -> None:
    sample = {
        "Request": {
            "ClientIP": "192.0.2.1",
            "URI": "/users/7?x=1",
            "Method": "GET",
            "Headers": [{"Name": "Host", "Value": "api.example.com"}],
        },
        "Weight": 3,
    }
    one = from_sample(sample)
    assert (one.host, one.path, one.query, one.weight, one.body) == ("api.example.com", "/users/7", "x=1", 3.0, None)
    headers = [{"name": "authorization", "value": "REDACTED"}]
    line = {"httpRequest": {"clientIp": "192.0.2.1", "uri": "/a", "args": "", "httpMethod": "GET", "headers": headers}}
    assert verdict(text("SingleHeader", "k", Name="authorization"), from_waf_log(line)) is UNKNOWN
    assert verdict(text("SingleHeader", "k", Name="x-api-key"), from_waf_log(line)) is NO


def test_sums_never_hide_what_is_unknown() -> None:
    requests = [
        Request(path="/a", principal="u1", client="192.0.2.1", status=200, weight=2),
        Request(path="/a", principal=None, client="192.0.2.2", status=403),
        Request(path="/a", principal="u2", client="192.0.2.3"),
        Request(path="/b", principal="u3"),
        Request(path=None, principal="u4"),
    ]
    hits = {"192.0.2.3": UNKNOWN}
    found = tally(
        judged(
            requests,
            endpoint=lambda one: judge(read_statement(text("UriPath", "/a")), one),
            hits=lambda one: hits.get(one.client or "", YES),
        )
    )
    assert (found.endpoint, found.hit, found.unknown, found.succeeded, found.nameless) == (5, 3, 2, 2, 1)
    assert found.principals == {"u1", "u2", "u4"}
    assert (round(found.share, 2), found.unknown_share) == (0.6, 0.4)
    assert tally([]).unknown_share == 0
