"""Reads XML into plain documents that adapters can map, refusing what makes XML dangerous."""

from __future__ import annotations

from typing import Any, NoReturn
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException, ExternalReferenceForbidden
from defusedxml.ElementTree import DefusedXMLParser

from stanch.errors import IntakeError
from stanch.shapes import is_list

MAX_ELEMENTS = 200_000
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE = 16_384
MAX_NAME = 256
_STARTS = (b"<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")


def looks_like_xml(body: bytes) -> bool:
    """True where no JSON could begin like this."""
    return body.startswith(_STARTS)


def parse_xml(body: bytes, *, depth: int) -> dict[str, Any]:
    """One document with the root element as its only key.

    An element becomes its text, or a mapping where it has attributes (`@name`) or elements inside; several elements of
    one name become a list, text beside attributes or elements is `#text`. Namespaces, comments and processing
    instructions are left out. A document type may declare elements, as Burp's does; entities and anything outside the
    document are refused.

    Args:
        body: the bytes, in any encoding that the declaration names.
        depth: of nesting that is allowed.

    Raises:
        IntakeError: 400 for what is not well-formed or not allowed, 413 for too much.
    """
    tree = _Tree(depth)
    try:
        parser = _parser(tree)
        parser.feed(body)
        parser.close()
    except DefusedXmlException:
        hint = "send the report without entities and without references to other files"
        raise IntakeError("XML with entities or external references is refused", code="I008", hint=hint) from None
    except ParseError as error:
        line, column = error.position
        raise IntakeError(f"not well-formed XML (stopped at line {line}, column {column + 1})", code="I005") from None
    except (ValueError, LookupError, RecursionError):
        raise IntakeError("not well-formed XML", code="I005") from None
    return tree.root


def _parser(tree: _Tree) -> Any:
    """Forbids entities and whatever lies outside; a document type that stays inside the document is allowed."""
    parser: Any = DefusedXMLParser(target=tree)
    parser.parser.StartDoctypeDeclHandler = _inside_only
    parser.parser.specified_attributes = True  # declared defaults could repeat a long text at no cost
    return parser


def _inside_only(name: str, system: str | None, public: str | None, _subset: int) -> None:
    if system or public:
        raise ExternalReferenceForbidden(name, None, system, public)


class _Element:
    """An element that is still open."""

    __slots__ = ("children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.children: dict[str, Any] = {f"@{_local(key)}": value for key, value in attributes.items()}
        self.text: list[str] = []

    def add(self, name: str, value: Any) -> None:
        """A second one of a name makes a list; values are never lists themselves."""
        known = self.children.get(name)
        if known is None:
            self.children[name] = value
        elif is_list(known):
            known.append(value)
        else:
            self.children[name] = [known, value]

    def value(self) -> Any:
        text = "".join(self.text).strip()
        if not self.children:
            return text
        return self.children | {"#text": text} if text else self.children


class _Tree:
    """The parser's target: builds the document and keeps the limits while it grows."""

    def __init__(self, depth: int) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[_Element] = []
        self._depth = depth
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            _too_much(f"the XML has more than {MAX_ELEMENTS} elements")
        if len(self._open) >= self._depth:
            raise IntakeError(f"nested deeper than {self._depth}", code="I007")
        if attributes:
            _check(attributes)
        if len(name) > MAX_NAME:
            _too_much("an element has too long a name")
        self._open.append(_Element(_local(name), attributes))

    def data(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)

    def end(self, _name: str) -> None:
        done = self._open.pop()
        if self._open:
            self._open[-1].add(done.name, done.value())
        else:
            self.root[done.name] = done.value()


def _check(attributes: dict[str, str]) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        _too_much(f"an element has more than {MAX_ATTRIBUTES} attributes")
    if any(len(key) > MAX_NAME or len(value) > MAX_ATTRIBUTE for key, value in attributes.items()):
        _too_much("an attribute is too long")


def _too_much(message: str) -> NoReturn:
    raise IntakeError(message, status=413, code="I002")


def _local(name: str) -> str:
    return name.rpartition("}")[2]
