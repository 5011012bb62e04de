"""Makes a small JSON value that a JSON Schema accepts: for structured outputs and for the arguments of function calls.

Covers `$ref` inside the document, `anyOf`/`oneOf` (first branch that can be made), `allOf` (merged), `enum`, `const`,
`type` (one or several), string lengths and common formats, number ranges and `multipleOf`, arrays, tuples, objects.
A `pattern` is met only if one of a few usual texts meets it. Values come from a `Hints` object, so that an answer can
use words and numbers of the question. Deterministic.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_DEPTH = 12
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT5M",
    "email": "practice@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "0190f2a0-0000-7000-8000-000000000001",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.com",
}
_PATTERN_TRIES = (
    "practice",
    "Practice",
    "PRACTICE",
    "abc",
    "ABC",
    "A1",
    "a1",
    "1",
    "12345",
    "2026-01-15",
    "a-b",
    "a_b",
    "",
)


@dataclass(slots=True)
class Hints:
    """Where values come from: `text(name, schema)` for strings, numbers of the question, in order."""

    text: Callable[[str, dict[str, Any]], str]
    numbers: list[float] = field(default_factory=list)
    question: str = ""


def sample(schema: Any, hints: Hints) -> Any:
    """A value for the schema; every required property, all properties if none is required."""
    return _Sampler(schema if isinstance(schema, dict) else {}, hints).value(schema, "value", 0)


@dataclass(slots=True)
class _Sampler:
    root: dict[str, Any]
    hints: Hints

    def _resolved(self, schema: Any) -> dict[str, Any]:
        for _ in range(_DEPTH):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            target: Any = self.root
            for step in reference.removeprefix("#").split("/")[1:]:
                key = step.replace("~1", "/").replace("~0", "~")
                target = target.get(key) if isinstance(target, dict) else None
            schema = (target if isinstance(target, dict) else {}) | {k: v for k, v in schema.items() if k != "$ref"}
        merged = dict(schema)
        for part in schema.get("allOf") or []:
            part = self._resolved(part)
            merged["properties"] = (merged.get("properties") or {}) | (part.get("properties") or {})
            merged["required"] = [*(merged.get("required") or []), *(part.get("required") or [])]
            merged |= {k: v for k, v in part.items() if k not in ("properties", "required")}
            if not merged["properties"]:
                del merged["properties"], merged["required"]
        merged.pop("allOf", None)
        return merged

    def value(self, schema: Any, name: str, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._from_enum(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                rest = {k: v for k, v in schema.items() if k != key}
                return self.value(rest | self._resolved(self._branch(schema[key], depth)), name, depth)
        return self._typed(self._kind(schema, depth), schema, name, depth)

    def _branch(self, branches: list[Any], depth: int) -> Any:
        if depth >= _DEPTH // 2:
            for branch in branches:
                if self._resolved(branch).get("type") in ("null", "boolean", "integer", "number", "string"):
                    return branch
        return branches[0]

    def _from_enum(self, values: list[Any]) -> Any:
        asked = self.hints.question.lower()
        return next((v for v in values if isinstance(v, str) and v and v.lower() in asked), values[0])

    def _kind(self, schema: dict[str, Any], depth: int) -> str:
        kind = schema.get("type")
        if isinstance(kind, list) and kind:
            return "null" if depth >= _DEPTH // 2 and "null" in kind else str(kind[0])
        if isinstance(kind, str):
            return kind
        if "properties" in schema or "required" in schema:
            return "object"
        return "array" if "items" in schema or "prefixItems" in schema else "string"

    def _typed(self, kind: str, schema: dict[str, Any], name: str, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = schema.get("properties") or {}
        required: list[str] = list(dict.fromkeys(schema.get("required") or []))
        chosen = required or (list(properties) if depth < _DEPTH // 2 else [])
        extra = schema.get("additionalProperties")
        result = {
            key: self.value(properties.get(key, extra if isinstance(extra, dict) else {}), key, depth + 1)
            for key in chosen
            if depth < _DEPTH
        }
        while len(result) < int(schema.get("minProperties", 0)) and extra is not False:
            result[f"key_{len(result) + 1}"] = self.value(extra if isinstance(extra, dict) else {}, "value", depth + 1)
        return result

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        items = [self.value(part, name, depth + 1) for part in schema.get("prefixItems") or []]
        more = schema.get("items", {})
        least = int(schema.get("minItems", 0))
        wanted = max(least, 0 if depth >= _DEPTH // 2 else 1)
        wanted = min(wanted, int(schema.get("maxItems", wanted)))
        while len(items) < wanted and more is not False:
            value = self.value(more, name.removesuffix("s"), depth + 1)
            if schema.get("uniqueItems") and value in items:
                value = self._another(value, more, items)
            items.append(value)
        return items

    def _another(self, value: Any, schema: Any, taken: list[Any]) -> Any:
        choices = self._resolved(schema).get("enum")
        if isinstance(choices, list):
            return next((choice for choice in choices if choice not in taken), value)
        if isinstance(value, str):
            return f"{value} {len(taken) + 1}"
        return value + len(taken) if isinstance(value, int | float) else value

    def _number(self, schema: dict[str, Any], *, whole: bool) -> float:
        low = _bound(schema, "minimum", "exclusiveMinimum", 1 if whole else 1e-3, up=True)
        high = _bound(schema, "maximum", "exclusiveMaximum", 1 if whole else 1e-3, up=False)
        asked = self.hints.numbers[0] if self.hints.numbers else None
        fits = asked is not None and low <= asked <= high and (not whole or asked == int(asked))
        if fits and asked is not None:
            self.hints.numbers.pop(0)
            value = asked
        else:
            value = min(max(1.0, low), high)
            value = math.ceil(value) if whole else value
        if isinstance(step := schema.get("multipleOf"), int | float) and step > 0:
            value = math.ceil(value / step) * step
            value = value - step if value > high else value
        return int(value) if value == int(value) else value

    def _string(self, schema: dict[str, Any], name: str) -> str:
        text = _FORMATS.get(str(schema.get("format"))) or self.hints.text(name, schema)
        if isinstance(pattern := schema.get("pattern"), str) and not _matches(pattern, text):
            text = next((tried for tried in _PATTERN_TRIES if _matches(pattern, tried)), text)
        shortest = int(schema.get("minLength", 0))
        text = text.ljust(shortest, ".") if len(text) < shortest else text
        return text[: int(schema.get("maxLength", len(text)))]


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _bound(schema: dict[str, Any], closed: str, opened: str, step: float, *, up: bool) -> float:
    limit = -math.inf if up else math.inf
    pick = max if up else min
    if isinstance(value := schema.get(closed), int | float):
        limit = pick(limit, float(value))
    if isinstance(value := schema.get(opened), int | float) and not isinstance(value, bool):
        limit = pick(limit, value + step if up else value - step)
    return limit


def as_text(value: Any) -> str:
    """The value as the JSON text of an answer."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
