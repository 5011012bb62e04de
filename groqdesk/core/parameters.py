"""The one description of every model parameter: forms, validation, the wire whitelist and the schema come from it.

Values are sparse: a mapping from parameter name to value, where an absent name, or None, means the model's default.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from groqdesk.core import response_schema
from groqdesk.core.catalog import ModelInfo
from groqdesk.core.parameter_table import PARAMETERS, Choice, Kind, Parameter

__all__ = [
    "PARAMETERS", "Choice", "Dialect", "Kind", "Parameter", "Problem", "can_stream", "canonical", "changed", "default",
    "dialect_of", "fit", "for_model", "json_schema", "json_word_missing", "number_text", "parse_text", "split", "to_text",
    "to_wire", "validate",
]  # fmt: skip

Dialect = Literal["groq", "openai", "compatible"]
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value cannot be used: one sentence, and what the fixing button does. `fix_value` None removes the setting."""

    name: str
    sentence: str
    fix_value: object = None
    fix_label: str = "Remove"


_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
_ALIASES = {"max_tokens": "max_completion_tokens"}

# What the app itself puts into a request.
_OWN_FIELDS = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "n", "functions", "function_call", "response_format"}
)  # fmt: skip


def dialect_of(provider: str) -> Dialect:
    """The wire dialect a provider speaks. Custom endpoints are `compatible`."""
    if provider in ("groq", "demo"):
        return "groq"
    return "openai" if provider == "openai" else "compatible"


def for_model(model: ModelInfo | None, dialect: Dialect | None = None) -> tuple[Parameter, ...]:
    """The parameters a model takes, in the form's order, with ranges and choices narrowed to it.

    Without a model: what is common at the dialect. Without a dialect: that of the model's provider, else `compatible`.
    """
    dialect = dialect or (dialect_of(model.provider) if model else "compatible")
    if model is not None and model.capability != "llm":
        return ()
    offered = (_narrowed(parameter, model, dialect) for parameter in PARAMETERS)
    return tuple(parameter for parameter in offered if parameter is not None)


def _narrowed(parameter: Parameter, model: ModelInfo | None, dialect: Dialect) -> Parameter | None:
    match parameter.name:
        case "temperature" | "top_p" | "stop" | "frequency_penalty" | "presence_penalty":
            if dialect == "groq" and parameter.name.endswith("penalty"):
                return None  # Accepted and "not yet supported by any model".
            if dialect == "openai" and model is not None and model.reasons:
                return None  # OpenAI's reasoning models refuse all five.
            if dialect == "compatible" and parameter.kind == "float":
                return replace(parameter, default=None)
            return parameter
        case "max_completion_tokens":
            bound = (model.max_output_tokens or model.context_tokens) if model else None
            return replace(parameter, maximum=bound)
        case "reasoning_effort":
            if dialect == "compatible":
                return _only_values(parameter, {"none", "minimal", "low", "medium", "high"})
            if model is None or not model.reasoning_efforts:
                return None
            return replace(_only_values(parameter, set(model.reasoning_efforts)), default=model.default_effort)
        case "response_format" | "response_schema" | "strict_schema":
            return _narrowed_format(parameter, model, dialect)
        case "include_reasoning":
            return parameter if dialect == "groq" and model and model.reasoning == "separate" else None
        case "reasoning_format":
            return parameter if dialect == "groq" and model and model.reasoning == "raw" else None
        case "parallel_tool_calls":
            open_choice = dialect == "compatible" or (model is None and dialect == "openai")
            return parameter if open_choice or (model and model.parallel_tools) else None
        case "service_tier":
            if dialect == "groq":
                tiers = _only_values(parameter, {"auto", "on_demand", "flex", "performance"})
                return replace(tiers, default="on_demand")
            if dialect == "openai":
                tiers = _only_values(parameter, {"auto", "default"})
                return replace(tiers, default="auto", help="Default ignores the tier that the project is set to.")
            return None
        case "extra_body":
            return parameter if dialect == "compatible" else None
    return parameter


def _narrowed_format(parameter: Parameter, model: ModelInfo | None, dialect: Dialect) -> Parameter | None:
    if dialect == "compatible" or (model is None and dialect == "openai"):
        values, strict = {"text", "json_object", "json_schema"}, True
    else:
        values = {"text"}
        if model is not None and model.json_mode:
            values.add("json_object")
        if model is not None and model.json_schema != "none":
            values.add("json_schema")
        strict = model is not None and model.json_schema == "strict"
    if parameter.name == "response_format":
        return _only_values(parameter, values) if len(values) > 1 else None
    if "json_schema" not in values or (parameter.name == "strict_schema" and not strict):
        return None
    return parameter


def _only_values(parameter: Parameter, values: set[str]) -> Parameter:
    return replace(parameter, choices=tuple(c for c in parameter.choices if c.value in values))


def _offered(model: ModelInfo | None, dialect: Dialect | None) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in for_model(model, dialect)}


def default(model: ModelInfo | None, name: str) -> object:
    """The model's default of a parameter; None where it takes none or only the server knows it."""
    parameter = _offered(model, None).get(name)
    return parameter.default if parameter else None


def changed(model: ModelInfo | None, values: Values) -> tuple[str, ...]:
    """Names of the settings that apply to the model and differ from its defaults, in the form's order."""
    return tuple(
        parameter.name
        for parameter in for_model(model)
        if values.get(parameter.name) is not None and not _same(values[parameter.name], parameter.default)
    )


def _same(value: object, other: object) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        return list(value) == list(other)
    return isinstance(value, bool) == isinstance(other, bool) and value == other


def split(
    model: ModelInfo | None, values: Values, dialect: Dialect | None = None
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The settings that apply to the model, and the names of those that do not: unsupported, or a choice it lacks."""
    offered = _offered(model, dialect)
    kept = {name: value for name, value in values.items() if _applies(offered.get(name), value)}
    return kept, tuple(name for name in values if name not in kept)


def _applies(parameter: Parameter | None, value: object) -> bool:
    if parameter is None:
        return False
    known = {choice.value for choice in _BY_NAME[parameter.name].choices}
    foreign = isinstance(value, str) and value in known and value not in {c.value for c in parameter.choices}
    return not foreign


def validate(
    model: ModelInfo | None, values: Values, dialect: Dialect | None = None, *, tools: bool = False
) -> tuple[Problem, ...]:
    """What is wrong with the settings, in the form's order. Settings that the model does not take are no problem.

    `tools`: the request offers tools. Values without a problem make a request that the provider takes.
    """
    subject = model.name if model else ""
    dialect = dialect or (dialect_of(model.provider) if model else "compatible")
    offered = _offered(model, dialect)
    problems = [
        problem
        for name, parameter in offered.items()
        if values.get(name) is not None and (problem := _checked(parameter, values[name], subject))
    ]
    wrong = {problem.name for problem in problems}
    if (
        "response_format" in offered
        and "response_format" not in wrong
        and values.get("response_format") in ("json_object", "json_schema")
    ):
        problems += _format_problems(values, wrong, dialect, subject, tools)
    return tuple(problems)


def _checked(parameter: Parameter, value: object, subject: str) -> Problem | None:
    match parameter.kind:
        case "float" | "int":
            return _number_problem(parameter, value, subject)
        case "choice":
            if isinstance(value, str) and value in {choice.value for choice in parameter.choices}:
                return None
            words = _joined([choice.label for choice in parameter.choices])
            sentence = f"{subject} takes {_lower(parameter.label)} {words}." if subject else ""
            return _problem(parameter, sentence or f"{parameter.label} is {words}.")
        case "bool":
            return None if isinstance(value, bool) else _problem(parameter, f"{parameter.label} is on or off.")
        case "strings":
            return _strings_problem(parameter, value)
        case "text":
            return _text_problem(parameter, value)
        case "json":
            return _json_problem(parameter, value)


def _problem(parameter: Parameter, sentence: str) -> Problem:
    """A problem that the default fixes, or removing the setting where there is no default to show."""
    label = next((choice.label for choice in parameter.choices if choice.value == parameter.default), "")
    if parameter.kind in ("float", "int") and parameter.default is not None:
        label = number_text(parameter.default)
    if not label:
        return Problem(parameter.name, sentence, None, "Use the default")
    return Problem(parameter.name, sentence, parameter.default, f"Use {label}")


def _number_problem(parameter: Parameter, value: object, subject: str) -> Problem | None:
    kind = "whole number" if parameter.kind == "int" else "number"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _problem(parameter, f"{parameter.label} is a {kind}.")
    if isinstance(value, float) and not math.isfinite(value):
        return _problem(parameter, f"{parameter.label} is a {kind}.")
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        edge = low if low is not None and value < low else high
        nearest: float = int(edge) if parameter.kind == "int" else float(edge)  # type: ignore[arg-type]
        return Problem(
            parameter.name, _range_sentence(parameter, subject, value), nearest, f"Use {number_text(nearest)}"
        )
    if parameter.kind == "int" and isinstance(value, float):
        whole = int(value)
        return Problem(parameter.name, f"{parameter.label} is a whole number.", whole, f"Use {number_text(whole)}")
    return None


def _range_sentence(parameter: Parameter, subject: str, value: float) -> str:
    low, high = parameter.minimum, parameter.maximum
    if parameter.name == "max_completion_tokens":
        if high is not None and value > high:
            return f"{subject or 'The model'} writes at most {number_text(high)} tokens."
        return f"{parameter.label} is at least {number_text(low)}."
    return f"{parameter.label} goes from {number_text(low)} to {number_text(high)}."


def _strings_problem(parameter: Parameter, value: object) -> Problem | None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return Problem(parameter.name, f"{parameter.label} are a list of texts.", (), "Use none")
    good = [item for item in value if item and not response_schema.json_fault(item)]
    if len(good) < len(value):
        return Problem(parameter.name, f"{parameter.label} hold an empty or broken text.", tuple(good[:4]), "Remove it")
    if parameter.max_items is not None and len(value) > parameter.max_items:
        first = tuple(value[: parameter.max_items])
        return Problem(
            parameter.name,
            f"{parameter.label} take {parameter.max_items} texts.",
            first,
            f"Keep the first {len(first)}",
        )
    return None


def _text_problem(parameter: Parameter, value: object) -> Problem | None:
    if not isinstance(value, str) or response_schema.json_fault(value):
        return Problem(parameter.name, f"{parameter.label} is text.", "", "Use none")
    if parameter.maximum is not None and len(value) > parameter.maximum:
        short = value[: int(parameter.maximum)]
        return Problem(parameter.name, f"{parameter.label} has {len(short)} characters at most.", short, "Shorten")
    return None


def _json_problem(parameter: Parameter, value: object) -> Problem | None:
    if not isinstance(value, Mapping):
        return Problem(parameter.name, f"{parameter.label}: a JSON object is needed.")
    if fault := response_schema.json_fault(value):
        return Problem(parameter.name, f"{parameter.label} cannot be sent. {fault}")
    if parameter.name == "extra_body" and (own := sorted(_OWN_FIELDS & set(value))):
        rest = {key: item for key, item in value.items() if key not in _OWN_FIELDS}
        return Problem(parameter.name, f'The app sets "{own[0]}" itself.', rest, f"Remove {own[0]}")
    return None


def _format_problems(values: Values, wrong: set[str], dialect: Dialect, subject: str, tools: bool) -> list[Problem]:
    if tools and dialect == "groq":
        sentence = f"{subject or 'The model'} cannot use tools and answer in JSON at once."
        return [Problem("response_format", sentence, "text", "Use Text")]
    if values["response_format"] != "json_schema" or "response_schema" in wrong:
        return []
    schema = values.get("response_schema")
    if not isinstance(schema, Mapping):
        example = dict(response_schema.EXAMPLE)
        return [Problem("response_schema", "The schema is missing.", example, "Begin with an example")]
    if fault := response_schema.schema_fault(schema, object_root=dialect != "compatible"):
        inner = schema.get("schema")
        if isinstance(inner, Mapping) and not response_schema.schema_fault(inner, object_root=True):
            return [Problem("response_schema", fault, dict(inner), "Use the schema inside")]
        return [Problem("response_schema", fault, dict(response_schema.EXAMPLE), "Begin with an example")]
    strict = values.get("strict_schema") is True and dialect != "compatible"
    if dialect == "groq" or strict:
        words = response_schema.refused_words(schema, strict=strict)
        if words:
            rest = response_schema.without_words(schema, words)
            return [
                Problem(
                    "response_schema", f"{words[0]} is not supported here.", rest, f"Remove {_joined(words, 'and')}"
                )
            ]
    if strict and (names := response_schema.open_object(schema)):
        sentence = f"Strict needs every property required and no others: {names}."
        return [Problem("response_schema", sentence, response_schema.closed(schema), "Require all")]
    return []


def fit(
    model: ModelInfo | None, values: Values, dialect: Dialect | None = None, *, tools: bool = False
) -> dict[str, object]:
    """The settings made to fit a model, for a switch or a fallback: what does not apply goes, the rest is fixed."""
    kept, _ = split(model, values, dialect)
    for _round in range(8):  # One fix can uncover the next of the same schema.
        problems = validate(model, kept, dialect, tools=tools)
        if not problems:
            return kept
        for problem in problems:
            kept[problem.name] = problem.fix_value
            if problem.fix_value is None:
                del kept[problem.name]
    for problem in validate(model, kept, dialect, tools=tools):
        kept.pop("response_format" if problem.name == "response_schema" else problem.name, None)
    return kept


def to_wire(model: ModelInfo | None, values: Values, dialect: Dialect, *, tools: bool = False) -> dict[str, object]:
    """Exactly the request fields for these settings; what the model does not take is left out.

    `tools`: the request offers tools; `parallel_tool_calls` is sent only then, because OpenAI refuses it otherwise.
    ValueError with the sentence of the first problem that `validate` finds in what is left.
    """
    kept, _ = split(model, values, dialect)
    problems = validate(model, kept, dialect, tools=tools)
    if problems:
        raise ValueError(problems[0].sentence)
    body: dict[str, object] = {}
    if dialect == "groq" and model is not None and model.reasoning == "raw":
        # Unasked, such a model mixes its thinking into the text, and refuses that together with tools or JSON.
        body["reasoning_format"] = "parsed"
    extra = kept.get("extra_body")
    if isinstance(extra, Mapping):
        body.update(extra)
    for name, value in kept.items():
        match name:
            case "extra_body" | "response_schema" | "strict_schema":
                continue
            case "response_format":
                if value in ("json_object", "json_schema"):
                    body[name] = _wire_format(kept)
            case "parallel_tool_calls":
                if tools and value is not None:
                    body[name] = value
            case "max_completion_tokens":
                if value is not None:
                    # Local servers often know only the old name.
                    body["max_tokens" if dialect == "compatible" else name] = value
            case "stop":
                if isinstance(value, (list, tuple)) and value:
                    body[name] = list(value)
            case _:
                if value is not None and value != "":
                    body[name] = value
    return body


def _wire_format(kept: Values) -> dict[str, object]:
    schema = kept.get("response_schema")
    if kept["response_format"] == "json_object" or not isinstance(schema, Mapping):
        return {"type": "json_object"}
    form: dict[str, object] = {"name": response_schema.schema_name(schema), "schema": dict(schema)}
    if kept.get("strict_schema") is True:
        form["strict"] = True
    return {"type": "json_schema", "json_schema": form}


def can_stream(values: Values, dialect: Dialect) -> bool:
    """Whether the answer may be streamed: Groq does not stream answers that follow a schema (structured-outputs page)."""
    return not (dialect == "groq" and values.get("response_format") == "json_schema")


def json_word_missing(values: Values, texts: Iterable[str]) -> bool:
    """Whether format JSON would be refused because no message contains the word "json" (groq-api §2.7)."""
    return values.get("response_format") == "json_object" and not any("json" in text.lower() for text in texts)


# Text, for the command line


def canonical(name: str) -> str:
    """A parameter's name, also from its older name. ValueError names the nearest one if there is none."""
    name = _ALIASES.get(name, name)
    if name in _BY_NAME:
        return name
    near = difflib.get_close_matches(name, _BY_NAME, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(_BY_NAME)}."
    raise ValueError(f'There is no parameter "{name[:80]}".{hint}')


def parse_text(name: str, text: str) -> object:
    """The value that a text like the command line's `NAME=VALUE` means. ValueError says what is expected.

    `stop` takes one text as it is, or several as a JSON list. Ranges are `validate`'s business: they depend on the model.
    """
    parameter = _BY_NAME[canonical(name)]
    word = text.strip()
    match parameter.kind:
        case "int":
            if re.fullmatch(r"[+-]?[0-9]{1,18}", word):
                return int(word)
            raise ValueError(f'{parameter.name} takes a whole number, not "{word[:40]}".')
        case "float":
            if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", word) and math.isfinite(
                float(word)
            ):
                return float(word)
            raise ValueError(f'{parameter.name} takes a number such as 0.7, not "{word[:40]}".')
        case "bool":
            if word.lower() in _WORDS_FOR_BOOL:
                return _WORDS_FOR_BOOL[word.lower()]
            raise ValueError(f'{parameter.name} takes true or false, not "{word[:40]}".')
        case "choice":
            values = [choice.value for choice in parameter.choices]
            if word in values:
                return word
            raise ValueError(f'{parameter.name} takes {_joined(values)}, not "{word[:40]}".')
        case "strings":
            return _parsed_strings(parameter, text)
        case "json":
            value = _parsed_json(parameter, text)
            if isinstance(value, dict):
                return value
            raise ValueError(f'{parameter.name} takes a JSON object such as {{"a": 1}}.')
        case "text":
            return text


_WORDS_FOR_BOOL = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _parsed_strings(parameter: Parameter, text: str) -> tuple[str, ...]:
    if not text.lstrip().startswith("["):
        return (text,) if text else ()
    value = _parsed_json(parameter, text)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError(f'{parameter.name} takes one text, or a JSON list such as ["END", "STOP"].')


def _parsed_json(parameter: Parameter, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{parameter.name} is not valid JSON{where}.") from None


def to_text(name: str, value: object) -> str:
    """The text that `parse_text` turns into this value."""
    match _BY_NAME[canonical(name)].kind:
        case "bool":
            return "true" if value else "false"
        case "strings" if isinstance(value, (list, tuple)):
            return json.dumps(list(value), ensure_ascii=False)
        case "json":
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def json_schema(model: ModelInfo | None = None) -> dict[str, object]:
    """A JSON Schema of the settings: of one model, or without one of all that exist."""
    parameters = for_model(model) if model else PARAMETERS
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {parameter.name: _schema_of(parameter) for parameter in parameters},
    }


def _schema_of(parameter: Parameter) -> dict[str, object]:
    schema: dict[str, object] = {"title": parameter.label, "description": parameter.help}
    if parameter.default is not None:
        schema["default"] = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    match parameter.kind:
        case "float" | "int":
            schema["type"] = "integer" if parameter.kind == "int" else "number"
            if parameter.minimum is not None:
                schema["minimum"] = parameter.minimum
            if parameter.maximum is not None:
                schema["maximum"] = parameter.maximum
        case "choice":
            schema["enum"] = [choice.value for choice in parameter.choices]
        case "bool":
            schema["type"] = "boolean"
        case "strings":
            schema |= {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": parameter.max_items}
        case "json":
            schema["type"] = "object"
        case "text":
            schema |= {"type": "string", "maxLength": parameter.maximum}
    return schema


# Words


def number_text(value: object) -> str:
    """A number for people: "65,536", "0.7"."""
    if isinstance(value, float):
        return f"{int(value):,}" if value == int(value) else f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}"


def _joined(words: Iterable[str], last: str = "or") -> str:
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def _lower(label: str) -> str:
    return label[0].lower() + label[1:]
