"""XML reports: read into plain documents like any other, and refused where XML is used as a weapon."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.errors import IntakeError
from stanch.intake.bodies import Limits, decompress, parse_documents
from stanch.sources import extract

SAMPLES = Path(__file__).parent.parent / "data" / "samples"


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"<a/>", {"a": ""}),
        (b"<a> text </a>", {"a": "text"}),
        (b'<a n="1"/>', {"a": {"@n": "1"}}),
        (b'<a n="1">x<b/>y</a>', {"a": {"@n": "1", "b": "", "#text": "xy"}}),
        (b"<a><b>1</b><b>2</b><c>3</c><b>4</b></a>", {"a": {"b": ["1", "2", "4"], "c": "3"}}),
        (
            b'<a xmlns="urn:x" xmlns:p="urn:y"><p:b p:c="1">&lt;i&gt;</p:b></a>',
            {"a": {"b": {"@c": "1", "#text": "<i>"}}},
        ),
        (b"\xef\xbb\xbf\n <?xml version='1.0'?><!-- c --><?pi x?><a><![CDATA[<b>]]></a>", {"a": "<b>"}),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>".encode("latin-1"), {"a": "é"}),
        ("<a>é</a>".encode("utf-16"), {"a": "é"}),
        (b'<!DOCTYPE a [<!ELEMENT a (b*)><!ATTLIST a x CDATA "d">]><a/>', {"a": ""}),
    ],
)
def test_the_mapping_is_small_and_predictable(body: bytes, document: Any) -> None:
    assert parse_documents(body) == [document]


@pytest.mark.parametrize("media", ["application/xml", "text/xml; charset=utf-8", "", "application/json", "text/plain"])
def test_xml_is_known_by_its_first_character_whatever_it_is_called(media: str) -> None:
    assert parse_documents(b"<a>1</a>", media) == [{"a": "1"}]


BOMB = "<!DOCTYPE l [" + "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9)) + "]><l>&l9;</l>"
HOSTILE = {
    "billion laughs": (BOMB.encode(), 400, "I008"),
    "external entity": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', 400, "I008"),
    "external document type": (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', 400, "I008"),
    "public document type": (b'<!DOCTYPE a PUBLIC "-//x" "http://127.0.0.1/x.dtd"><a/>', 400, "I008"),
    "parameter entity": (b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><a/>', 400, "I008"),
    "unparsed entity": (
        b'<!DOCTYPE a [<!NOTATION n SYSTEM "n"><!ENTITY x SYSTEM "f" NDATA n>]><a/>',
        400,
        "I008",
    ),
    "undefined entity": (b"<a>&nosuch;</a>", 400, "I005"),
    "deep": (b"<a>" * 150_000 + b"</a>" * 1000, 400, "I007"),
    "many elements": (b"<a>" + b"<b/>" * 240_000 + b"</a>", 413, "I002"),
    "long attribute": (b'<a x="' + b"y" * 900_000 + b'"/>', 413, "I002"),
    "many attributes": (b"<a " + b" ".join(b'x%d="1"' % n for n in range(60_000)) + b"/>", 413, "I002"),
    "long name": (b"<" + b"a" * 900_000 + b"/>", 413, "I002"),
    "unknown encoding": (b'<?xml version="1.0" encoding="utf-7"?><a/>', 400, "I005"),
    "no encoding": (b'<?xml version="1.0" encoding="rot13"?><a/>', 400, "I005"),
    "cut off": (b"<a><b>", 400, "I005"),
    "two roots": (b"<a/><b/>", 400, "I005"),
    "attribute twice": (b'<a x="1" x="2"/>', 400, "I005"),
    "NUL": (b"<a>\x00</a>", 400, "I005"),
    "too large": (b"<a>" + b"x" * 1024 * 1024 + b"</a>", 413, "I002"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_quickly(name: str) -> None:
    body, status, code = HOSTILE[name]
    start = time.process_time()
    with pytest.raises(IntakeError) as caught:
        parse_documents(body)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert time.process_time() - start < 5


def test_declared_defaults_are_not_repeated() -> None:
    body = b'<!DOCTYPE a [<!ATTLIST b x CDATA "' + b"y" * 10_000 + b'">]><a>' + b"<b/>" * 1000 + b"</a>"
    assert parse_documents(body) == [{"a": {"b": [""] * 1000}}]


def test_a_compressed_bomb_is_stopped_before_the_parser() -> None:
    with pytest.raises(IntakeError) as caught:
        decompress(gzip.compress(b"<a>" + b" " * 5_000_000 + b"</a>"), "gzip", Limits(delivery=10_000_000))
    assert caught.value.status == 413


def test_an_error_names_the_place_and_repeats_nothing() -> None:
    with pytest.raises(IntakeError, match=r"line 2, column \d+") as caught:
        parse_documents(b"<a>\n<b secret='Canary'></a>")
    assert "Canary" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_xml_is_a_document_or_a_refusal(data: st.DataObject) -> None:
    body = bytearray((SAMPLES / "zap_one_instance_constructed.xml").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(body) - 1))
        body[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=12))
    try:
        findings = extract(b"<" + bytes(body[1:])).findings
    except IntakeError:  # and nothing else
        findings = ()
    assert all(finding.identity for finding in findings)


def test_zap_says_the_same_in_json_and_in_xml() -> None:
    xml = extract(b"""<OWASPZAPReport version="2" generated="x"><site name="http://a.example.com"><alerts><alertitem>
<alertRef>40012</alertRef><name>XSS</name><riskcode>3</riskcode><confidence>2</confidence><instances><instance>
<uri>http://a.example.com/search?q=1</uri><method>GET</method><param>q</param></instance></instances></alertitem>
</alerts></site></OWASPZAPReport>""")
    json = extract(b"""{"@version": "2", "@generated": "x", "site": [{"@name": "http://a.example.com", "alerts": [
{"alertRef": "40012", "name": "XSS", "riskcode": "3", "confidence": "2", "instances": [
{"uri": "http://a.example.com/search?q=2", "method": "GET", "param": "q"}]}]}]}""")
    assert [item.identity for item in xml.findings] == [item.identity for item in json.findings]
    assert len(xml.findings) == 1


def test_the_second_scan_meets_the_first() -> None:
    first, second = (
        {item.identity for item in extract((SAMPLES / f"zap_zap_results_{name}_scan.xml").read_bytes()).findings}
        for name in ("first", "second")
    )
    assert (len(first), len(second), len(first & second) > 50) == (86, 78, True)
