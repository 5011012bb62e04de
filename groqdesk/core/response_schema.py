"""Checks the JSON Schema that an answer must follow before a server refuses it.

Rules: Groq's structured-outputs page and recorded refusals (strict: every property required, `additionalProperties` false;
`minItems` is refused), OpenAI's structured-outputs page (the root is an object).
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

DEPTH_MAX = 40
NODES_MAX = 20_000
EXAMPLE: dict[str, object] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}

_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_LENGTHS = frozenset({"minItems", "maxItems"})
_REFUSED_WHEN_STRICT = _LENGTHS | {
    "uniqueItems", "contains", "minContains", "maxContains", "minLength", "maxLength", "pattern", "format", "minimum",
    "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "patternProperties", "propertyNames",
    "minProperties", "maxProperties", "unevaluatedProperties", "unevaluatedItems", "oneOf", "allOf", "not", "if", "then",
    "else", "dependentRequired", "dependentSchemas",
}  # fmt: skip


def json_fault(value: object) -> str:
    """Why a value cannot be sent as JSON, as a sentence; empty if it can."""
    stack: list[tuple[object, int]] = [(value, 0)]
    nodes = 0
    while stack:
        item, depth = stack.pop()
        nodes += 1
        if depth > DEPTH_MAX or nodes > NODES_MAX:
            return "It is too large or nested too deeply."
        if isinstance(item, Mapping):
            if not all(isinstance(key, str) and _encodable(key) for key in item):
                return "Its names must be text."
            stack.extend((inner, depth + 1) for inner in item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend((inner, depth + 1) for inner in item)
        elif isinstance(item, str):
            if not _encodable(item):
                return "It holds a broken character."
        elif isinstance(item, float):
            if not math.isfinite(item):
                return "It holds a number that JSON cannot write."
        elif isinstance(item, int):
            if item.bit_length() > 1024:
                return "It holds a number that is too large."
        elif item is not None:
            return "It holds something that JSON cannot write."
    return ""


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def schema_fault(schema: object, *, object_root: bool) -> str:
    """Why it is not a schema that a server takes, as a sentence; empty if it is. `object_root`: the root is an object."""
    if not isinstance(schema, Mapping):
        return "The schema is a JSON object."
    if fault := json_fault(schema):
        return f"The schema cannot be sent. {fault}"
    if object_root and schema.get("type") != "object":
        return 'The schema begins with "type": "object".'
    for part in _parts(schema):
        if fault := _part_fault(part, schema):
            return fault
    return ""


def _part_fault(part: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    types = part.get("type", [])
    for name in types if isinstance(types, (list, tuple)) else [types]:
        if not isinstance(name, str) or name not in _TYPES:
            return f'The schema has a type "{str(name)[:40]}", which does not exist.'
    for key in ("properties", "$defs", "definitions"):
        value = part.get(key, {})
        if not isinstance(value, Mapping) or not all(isinstance(item, (Mapping, bool)) for item in value.values()):
            return f'"{key}" of the schema holds one schema for each name.'
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if key in part and not (
            isinstance(part[key], (list, tuple))
            and part[key]
            and all(isinstance(item, (Mapping, bool)) for item in part[key])
        ):
            return f'"{key}" of the schema is a list of schemas.'
    for key in ("items", "additionalProperties", "not"):
        if key in part and not isinstance(part[key], (Mapping, bool)):
            return f'"{key}" of the schema is a schema.'
    required = part.get("required", [])
    if not isinstance(required, (list, tuple)) or not all(isinstance(name, str) for name in required):
        return '"required" of the schema is a list of names.'
    if "enum" in part and not (isinstance(part["enum"], (list, tuple)) and part["enum"]):
        return '"enum" of the schema is a list of values.'
    if "$ref" in part and not _resolves(part["$ref"], root):
        return f'The schema refers to "{str(part["$ref"])[:60]}", which it does not hold.'
    return ""


def _resolves(ref: object, root: Mapping[str, Any]) -> bool:
    if not isinstance(ref, str) or not ref.startswith("#"):
        return False
    here: object = root
    for step in ref[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(here, Mapping) or name not in here:
            return False
        here = here[name]
    return isinstance(here, Mapping)


def open_object(schema: Mapping[str, Any]) -> str:
    """The properties of the first object that strict mode refuses, as text; empty if every object is closed."""
    for part in _parts(schema):
        if part.get("type") == "object" or "properties" in part:
            names = set(part.get("properties", {}))
            if part.get("additionalProperties") is not False or set(part.get("required", [])) != names:
                return ", ".join(sorted(names)) or "an empty object"
    return ""


def closed(schema: Mapping[str, Any]) -> dict[str, object]:
    """A copy in which every object requires all its properties and takes no others."""
    result: dict[str, object] = copy.deepcopy(dict(schema))
    for part in _parts(result):
        if part.get("type") == "object" or "properties" in part:
            part["required"] = list(part.get("properties", {}))
            part["additionalProperties"] = False
    return result


def refused_words(schema: Mapping[str, Any], *, strict: bool) -> tuple[str, ...]:
    """Keywords in the schema that servers answer with 400, in alphabetical order."""
    refused = _REFUSED_WHEN_STRICT if strict else _LENGTHS
    return tuple(sorted({word for part in _parts(schema) for word in part if word in refused}))


def without_words(schema: Mapping[str, Any], words: tuple[str, ...]) -> dict[str, object]:
    """A copy without these keywords; properties that have such a name stay."""
    result: dict[str, object] = copy.deepcopy(dict(schema))
    for part in _parts(result):
        for word in words:
            part.pop(word, None)
    return result


def schema_name(schema: Mapping[str, Any]) -> str:
    """The name a server wants beside a schema: 1 to 64 of A-Z a-z 0-9 _ -, made from the schema's title."""
    title = schema.get("title", "")
    return re.sub(r"[^A-Za-z0-9_-]+", "_", title if isinstance(title, str) else "").strip("_")[:64] or "answer"


def _parts(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Every schema inside a schema, itself first. Read-only for mappings, the same objects for dictionaries."""
    stack: list[object] = [schema]
    while stack:
        part = stack.pop()
        if not isinstance(part, Mapping):
            continue
        yield part
        for key in ("properties", "$defs", "definitions"):
            inner = part.get(key)
            if isinstance(inner, Mapping):
                stack.extend(inner.values())
        for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            inner = part.get(key)
            if isinstance(inner, (list, tuple)):
                stack.extend(inner)
        stack.extend(part.get(key) for key in ("items", "additionalProperties", "not"))
