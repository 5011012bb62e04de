"""What is wrong with a setting, what goes over the wire, and what the command line reads."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core import parameters
from groqdesk.core.catalog import ModelInfo
from groqdesk.core.parameters import PARAMETERS, Problem, parse_text, to_text, to_wire, validate
from groqdesk.core.ports import LiveModel
from tests.core.models import CATALOG, GPT4O, GPT5, OSS, QWEN, SCHEMA

# What is wrong


@pytest.mark.parametrize(
    ("model", "values", "problem"),
    [
        (OSS, {"max_completion_tokens": 99_999},
         Problem("max_completion_tokens", "gpt-oss-120b writes at most 65,536 tokens.", 65_536, "Use 65,536")),
        (OSS, {"max_completion_tokens": 0}, Problem("max_completion_tokens", "Max tokens is at least 1.", 1, "Use 1")),
        (OSS, {"temperature": 2.5}, Problem("temperature", "Temperature goes from 0 to 2.", 2.0, "Use 2")),
        (OSS, {"temperature": -1}, Problem("temperature", "Temperature goes from 0 to 2.", 0.0, "Use 0")),
        (OSS, {"temperature": float("nan")}, Problem("temperature", "Temperature is a number.", 1.0, "Use 1")),
        (OSS, {"temperature": True}, Problem("temperature", "Temperature is a number.", 1.0, "Use 1")),
        (OSS, {"temperature": 10**400}, Problem("temperature", "Temperature goes from 0 to 2.", 2.0, "Use 2")),
        (OSS, {"seed": 1.5}, Problem("seed", "Seed is a whole number.", 1, "Use 1")),
        (OSS, {"seed": "x"}, Problem("seed", "Seed is a whole number.", None, "Use the default")),
        (OSS, {"reasoning_effort": "none"},
         Problem("reasoning_effort", "gpt-oss-120b takes reasoning effort Low, Medium or High.", "medium", "Use Medium")),
        (None, {"reasoning_effort": "xhigh"},
         Problem("reasoning_effort", "Reasoning effort is None, Minimal, Low, Medium or High.", None, "Use the default")),
        (OSS, {"include_reasoning": "no"}, Problem("include_reasoning", "Send thinking is on or off.", None, "Use the default")),
        (OSS, {"stop": "END"}, Problem("stop", "Stop sequences are a list of texts.", (), "Use none")),
        (OSS, {"stop": list("abcde")}, Problem("stop", "Stop sequences take 4 texts.", ("a", "b", "c", "d"), "Keep the first 4")),
        (OSS, {"stop": ["a", ""]}, Problem("stop", "Stop sequences hold an empty or broken text.", ("a",), "Remove it")),
        (OSS, {"user": 5}, Problem("user", "User is text.", "", "Use none")),
        (OSS, {"user": "u" * 70}, Problem("user", "User has 64 characters at most.", "u" * 64, "Shorten")),
        (None, {"extra_body": {"stream": False, "top_k": 3}},
         Problem("extra_body", 'The app sets "stream" itself.', {"top_k": 3}, "Remove stream")),
        (None, {"extra_body": [1]}, Problem("extra_body", "Extra fields: a JSON object is needed.", None, "Remove")),
    ],
)  # fmt: skip
def test_problems(model: ModelInfo | None, values: dict[str, object], problem: Problem) -> None:
    assert validate(model, values) == (problem,)


def schema_problem(schema: object, *, strict: bool = False, model: ModelInfo | None = OSS) -> Problem | None:
    values = {"response_format": "json_schema", "response_schema": schema, "strict_schema": strict}
    found = validate(model, values)
    assert len(found) <= 1
    return found[0] if found else None


def test_a_schema_is_asked_for() -> None:
    problem = schema_problem(None)
    assert problem is not None
    assert problem.sentence == "The schema is missing."
    assert schema_problem(problem.fix_value, strict=True) is None


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array", "items": {}}, '"type": "object"'),
        ({"properties": {}}, '"type": "object"'),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, 'type "text"'),
        ({"type": "object", "properties": []}, "one schema for each name"),
        ({"type": "object", "properties": {"a": 3}}, "one schema for each name"),
        ({"type": "object", "required": "a"}, "list of names"),
        ({"type": "object", "properties": {"a": {"enum": []}}}, "list of values"),
        ({"type": "object", "properties": {"a": {"anyOf": []}}}, "list of schemas"),
        ({"type": "object", "properties": {"a": {"items": 3}}}, "is a schema"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}}, "refers to"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.org/x"}}}, "refers to"),
        ({"type": "object", "properties": {"a": {"type": "array", "minItems": 1}}}, "minItems is not supported"),
        ({"type": "object", "x": float("inf")}, "cannot be sent"),
        ({"type": "object", "x": "\ud800"}, "cannot be sent"),
        ({"type": "object", "x": 10**5000}, "cannot be sent"),
        ({"type": "object", "x": {1: 2}}, "cannot be sent"),
        ({"type": "object", "x": object()}, "cannot be sent"),
        ({"type": ["object", 3]}, '"type": "object"'),
        ({"type": "object", "properties": {"a": {"required": [1]}}}, "list of names"),
    ],
)
def test_a_schema_that_servers_refuse_is_refused_here(schema: dict[str, object], words: str) -> None:
    problem = schema_problem(schema)
    assert problem is not None
    assert words in problem.sentence


def test_a_deep_schema_is_refused_without_a_crash() -> None:
    schema: dict[str, object] = {"type": "object"}
    for _ in range(5000):
        schema = {"type": "object", "properties": {"a": schema}}
    problem = schema_problem(schema)
    assert problem is not None
    assert "nested too deeply" in problem.sentence


def test_references_inside_a_schema_are_found() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#"}, "c": {"$ref": "#/$defs/a~1b"}},
        "$defs": {"x": {"type": "string"}, "a/b": {"type": "string"}},
    }
    assert schema_problem(schema) is None


def test_strict_wants_closed_objects_and_fixes_them() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}
    assert schema_problem(loose) is None
    problem = schema_problem(loose, strict=True)
    assert problem is not None
    assert problem.sentence == "Strict needs every property required and no others: a."
    assert schema_problem(problem.fix_value, strict=True) is None
    assert "required" not in loose


def test_a_property_named_like_a_keyword_stays() -> None:
    schema = {
        "type": "object",
        "properties": {"minItems": {"type": "array", "items": {"type": "string"}, "minItems": 2}},
        "required": ["minItems"],
        "additionalProperties": False,
    }
    problem = schema_problem(schema, strict=True)
    assert problem is not None
    assert problem.fix_label == "Remove minItems"
    assert isinstance(problem.fix_value, dict)
    assert problem.fix_value["properties"] == {"minItems": {"type": "array", "items": {"type": "string"}}}
    assert schema_problem(problem.fix_value, strict=True) is None


def test_a_pasted_wrapper_is_unwrapped() -> None:
    problem = schema_problem({"name": "order", "strict": True, "schema": SCHEMA})
    assert problem is not None
    assert problem.fix_label == "Use the schema inside"
    assert problem.fix_value == SCHEMA


def test_groq_does_not_mix_tools_with_json() -> None:
    values = {"response_format": "json_object"}
    assert validate(QWEN, values) == ()
    assert [p.fix_value for p in validate(QWEN, values, tools=True)] == ["text"]
    assert validate(GPT4O, values, tools=True) == ()
    with pytest.raises(ValueError, match="cannot use tools"):
        to_wire(QWEN, values, "groq", tools=True)


def test_fit_carries_settings_to_another_model() -> None:
    values = {
        "max_completion_tokens": 60_000, "reasoning_effort": "high", "response_format": "json_schema",
        "response_schema": SCHEMA, "temperature": 0.3, "include_reasoning": False,
    }  # fmt: skip
    assert parameters.fit(OSS, values) == values
    assert parameters.fit(QWEN, values) == {
        "max_completion_tokens": 16_384,
        "reasoning_effort": "high",
        "temperature": 0.3,
    }
    assert parameters.fit(GPT5, values) == {
        name: values[name]
        for name in ("max_completion_tokens", "reasoning_effort", "response_format", "response_schema")
    }
    assert values["max_completion_tokens"] == 60_000


# What goes over the wire


def test_nothing_set_sends_nothing_but_what_the_model_needs() -> None:
    assert to_wire(OSS, {}, "groq") == {}
    assert to_wire(QWEN, {}, "groq") == {"reasoning_format": "parsed"}
    assert to_wire(None, {}, "compatible") == {}
    empty = {"temperature": None, "seed": None, "stop": (), "user": "", "response_format": "text"}
    assert to_wire(OSS, empty, "groq") == {}


def test_a_whole_groq_body() -> None:
    values = {
        "temperature": 0, "top_p": 0.9, "max_completion_tokens": 1024, "seed": 7, "stop": ("END",), "reasoning_effort": "low",
        "include_reasoning": False, "service_tier": "flex", "user": "u1", "response_format": "json_schema",
        "response_schema": SCHEMA, "strict_schema": True, "presence_penalty": 1.0, "extra_body": {"n": 3},
    }  # fmt: skip
    assert to_wire(OSS, values, "groq") == {
        "temperature": 0, "top_p": 0.9, "max_completion_tokens": 1024, "seed": 7, "stop": ["END"], "reasoning_effort": "low",
        "include_reasoning": False, "service_tier": "flex", "user": "u1",
        "response_format": {
            "type": "json_schema", "json_schema": {"name": "Order_status", "schema": SCHEMA, "strict": True},
        },
    }  # fmt: skip


def test_a_hidden_thought_replaces_the_separate_one() -> None:
    assert to_wire(QWEN, {"reasoning_format": "hidden"}, "groq") == {"reasoning_format": "hidden"}


def test_local_servers_get_the_old_name_and_the_extra_fields() -> None:
    values = {"max_completion_tokens": 5, "temperature": 0.1, "extra_body": {"top_k": 40, "temperature": 2}}
    assert to_wire(None, values, "compatible") == {"max_tokens": 5, "temperature": 0.1, "top_k": 40}


def test_reasoning_models_of_openai_get_no_temperature() -> None:
    values = {"temperature": 0.2, "stop": ["x"], "reasoning_effort": "high", "max_completion_tokens": 9}
    assert to_wire(GPT5, values, "openai") == {"reasoning_effort": "high", "max_completion_tokens": 9}
    assert to_wire(GPT4O, values, "openai") == {"temperature": 0.2, "stop": ["x"], "max_completion_tokens": 9}


def test_parallel_tools_need_tools() -> None:
    assert to_wire(GPT4O, {"parallel_tool_calls": False}, "openai") == {}
    assert to_wire(GPT4O, {"parallel_tool_calls": False}, "openai", tools=True) == {"parallel_tool_calls": False}
    assert to_wire(OSS, {"parallel_tool_calls": False}, "groq", tools=True) == {}


def test_wrong_values_are_not_sent() -> None:
    with pytest.raises(ValueError, match=r"gpt-oss-120b writes at most 65,536 tokens\."):
        to_wire(OSS, {"max_completion_tokens": 70_000}, "groq")


def test_a_live_model_takes_what_its_server_lists() -> None:
    live = CATALOG.with_live("groq", (LiveModel("acme/r-9b", features=("tools", "json_mode"), max_output_tokens=100),))
    found = live.find("groq", "acme/r-9b")
    names = {p.name for p in parameters.for_model(found)}
    assert {"response_format", "temperature"} <= names
    assert not {"reasoning_effort", "reasoning_format", "include_reasoning", "response_schema"} & names
    assert validate(found, {"max_completion_tokens": 101})[0].fix_value == 100


def test_schema_answers_are_not_streamed_by_groq() -> None:
    assert not parameters.can_stream({"response_format": "json_schema"}, "groq")
    assert parameters.can_stream({"response_format": "json_schema"}, "openai")
    assert parameters.can_stream({"response_format": "json_object"}, "groq")


def test_format_json_wants_the_word_in_a_message() -> None:
    values = {"response_format": "json_object"}
    assert parameters.json_word_missing(values, ["List three colours."])
    assert not parameters.json_word_missing(values, ["hi", "Answer in JSON."])
    assert not parameters.json_word_missing({}, ["hi"])


def test_dialects() -> None:
    assert [parameters.dialect_of(p) for p in ("groq", "demo", "openai", "my-llama")] == [
        "groq", "groq", "openai", "compatible",
    ]  # fmt: skip


# Text


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0.7", 0.7), ("temperature", " .5 ", 0.5), ("temperature", "1e-1", 0.1), ("top_p", "1", 1.0),
        ("max_tokens", "1024", 1024), ("max_completion_tokens", "1024", 1024), ("seed", "-1", -1),
        ("stop", "END", ("END",)), ("stop", '["a", "b"]', ("a", "b")), ("stop", "a,b", ("a,b",)), ("stop", "", ()),
        ("reasoning_effort", "low", "low"), ("include_reasoning", "Off", False), ("strict_schema", "1", True),
        ("response_schema", '{"type": "object"}', {"type": "object"}), ("user", " a ", " a "),
    ],
)  # fmt: skip
def test_text_is_parsed(name: str, text: str, value: object) -> None:
    parsed = parse_text(name, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("temprature", "1", r'There is no parameter "temprature"\. Did you mean temperature\?'),
        ("zzz", "1", r"There are temperature, top_p"),
        ("temperature", "warm", r'temperature takes a number such as 0\.7, not "warm"\.'),
        ("temperature", "nan", "takes a number"),
        ("temperature", "1e999", "takes a number"),
        ("temperature", "", "takes a number"),
        ("seed", "1.5", "takes a whole number"),
        ("seed", "١", "takes a whole number"),
        ("seed", "9" * 5000, "takes a whole number"),
        ("include_reasoning", "maybe", "takes true or false"),
        ("reasoning_effort", "loud", "takes none, default, minimal, low, medium or high"),
        ("stop", "[1]", "a JSON list such as"),
        ("stop", "[", r"stop is not valid JSON \(line 1, column 2\)"),
        ("response_schema", "[]", "takes a JSON object"),
        ("response_schema", "{", "is not valid JSON"),
        ("response_schema", '{"a":' * 100_000, "is not valid JSON"),
    ],
)
def test_wrong_text_says_what_is_expected(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_text(name, text)
    assert len(str(caught.value)) < 400


@given(st.sampled_from(PARAMETERS), st.data())
def test_parsed_text_round_trips(parameter: parameters.Parameter, data: st.DataObject) -> None:
    value: object
    match parameter.kind:
        case "float":
            value = data.draw(st.floats(allow_nan=False, allow_infinity=False))
        case "int":
            value = data.draw(st.integers(-(10**17), 10**17))
        case "bool":
            value = data.draw(st.booleans())
        case "choice":
            value = data.draw(st.sampled_from([choice.value for choice in parameter.choices]))
        case "strings":
            value = tuple(data.draw(st.lists(st.text())))
        case "text":
            value = data.draw(st.text())
        case "json":
            value = data.draw(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
    assert parse_text(parameter.name, to_text(parameter.name, value)) == value


@given(st.sampled_from(PARAMETERS), st.text(max_size=40))
def test_any_text_gives_a_value_or_a_sentence(parameter: parameters.Parameter, text: str) -> None:
    try:
        value = parse_text(parameter.name, text)
    except ValueError:
        return
    assert parse_text(parameter.name, to_text(parameter.name, value)) == value


# The schema of the settings


def test_the_schema_describes_every_parameter() -> None:
    schema = parameters.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == [p.name for p in PARAMETERS]
    narrow = parameters.json_schema(OSS)["properties"]
    assert isinstance(narrow, dict)
    assert narrow["max_completion_tokens"]["maximum"] == 65_536
    assert narrow["reasoning_effort"]["enum"] == ["low", "medium", "high"]


def test_every_parameter_says_what_it_is_for() -> None:
    for parameter in PARAMETERS:
        assert parameter.help.endswith(".")
        assert parameter.label
        assert bool(parameter.choices) == (parameter.kind == "choice")
        if parameter.kind in ("float", "int"):
            assert parameter.step
            assert parameter.minimum is not None
