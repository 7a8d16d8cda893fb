"""Request bodies of an OpenAPI file as API Gateway models (JSON Schema draft 4), never stricter than the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stanch.errors import Rejected
from stanch.shapes import is_dict, is_list

Schema = dict[str, Any]
_PLAIN = frozenset({"type", "enum", "minimum", "maximum", "multipleOf", "minLength", "maxLength", "pattern"})
_PLAIN |= {"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
_INNER = {"items": "prefixItems", "additionalProperties": "patternProperties"}  # says nothing beside the other
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_MOST_DEPTH = 32
_MOST_NODES = 2_000


class Draft4:
    """Translates one schema; what draft 4 cannot say is left out, and named in `left_out`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._nodes = 0
        self.left_out: set[str] = set()

    def of(self, schema: Any, *, refs: tuple[str, ...] = ()) -> Schema:
        """The same conditions or fewer, so that no request is refused that the file allows.

        Raises:
            Rejected: V078, it refers to itself or elsewhere, or is too large.
        """
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(refs) > _MOST_DEPTH:
            raise _unfit("the schema is too large")
        if schema is True or schema == {}:
            return {}
        if not is_dict(schema):
            raise _unfit("a schema is not an object")
        if "$ref" in schema:
            name = str(schema["$ref"])
            if name in refs:
                raise _unfit("the schema refers to itself")
            return self.of(pointed(self._document, name), refs=(*refs, name))
        made: Schema = {}
        for word, value in schema.items():
            made |= self._word(str(word), value, schema, (*refs, ""))
        return _nullable(_bounded({**made, **self._required(schema)}, schema), schema)

    def _required(self, schema: Mapping[str, Any]) -> Schema:
        """What a response must have and a request need not is not required of a request."""
        names = schema.get("required")
        inner = schema.get("properties")
        known: dict[Any, Any] = inner if is_dict(inner) else {}
        kept = [name for name in names if not self._read_only(known.get(name))] if is_list(names) else []
        return {"required": kept} if kept else {}

    def _read_only(self, schema: Any) -> bool:
        for _ in range(_MOST_DEPTH):
            if not is_dict(schema) or "$ref" not in schema:
                break
            schema = pointed(self._document, str(schema["$ref"]))
        return is_dict(schema) and schema.get("readOnly") is True

    def _word(self, word: str, value: Any, beside: Mapping[str, Any], refs: tuple[str, ...]) -> Schema:
        if word in _PLAIN:
            return {word: value}
        if word == "const":
            return {"enum": [value]}
        if word == "properties" and is_dict(value):
            return {word: {str(name): self.of(inner, refs=refs) for name, inner in value.items()}}
        if word in _INNER and _INNER[word] not in beside and not isinstance(value, bool):
            return {word: self.of(value, refs=refs)}
        if word == "additionalProperties" and _INNER[word] not in beside:
            return {word: value}
        if word in _LISTS and is_list(value):
            name = "anyOf" if word == "oneOf" else word  # what was left out inside could make two of them fit
            return {name: [self.of(inner, refs=refs) for inner in value]}
        if word not in _SAID and not word.startswith("x-"):
            self.left_out.add(word)
        return {}


# Said about a value, or translated elsewhere.
_SAID = frozenset({"title", "description", "default", "example", "examples", "deprecated", "externalDocs", "xml"})
_SAID |= {"readOnly", "writeOnly", "nullable", "exclusiveMinimum", "exclusiveMaximum", "discriminator", "required"}
_SAID |= {"$schema", "$id", "$comment"}


def pointed(document: Mapping[str, Any], ref: str) -> Any:
    """What a reference inside the file names."""
    if not ref.startswith("#/"):
        raise _unfit("the file refers to another file")
    found: Any = document
    for token in ref[2:].split("/"):
        token = token.replace("~1", "/").replace("~0", "~")
        if not is_dict(found) or token not in found:
            raise _unfit("the file refers to something it does not have")
        found = found[token]
    return found


def _nullable(made: Schema, schema: Mapping[str, Any]) -> Schema:
    """OpenAPI 3.0 says `nullable`; draft 4 adds null to the types, and to the values."""
    if schema.get("nullable") is not True:
        return made
    if "type" in made:
        kinds = made["type"] if is_list(made["type"]) else [made["type"]]
        made["type"] = [*kinds, *(["null"] if "null" not in kinds else [])]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    combined = _LISTS & set(made)
    return {"anyOf": [made, {"type": "null"}]} if combined else made


def _bounded(made: Schema, schema: Mapping[str, Any]) -> Schema:
    """Draft 4 says with a boolean that a bound is outside; OpenAPI 3.1 gives the bound itself."""
    for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = schema.get(word)
        if value is True and bound in made:
            made[word] = True
        elif not isinstance(value, bool) and isinstance(value, int | float) and bound not in made:
            made |= {bound: value, word: True}
    return made


def _unfit(why: str) -> Rejected:
    return Rejected(f"the contract cannot be enforced: {why}", code="V078", hint="simplify it, or block at the WAF")
