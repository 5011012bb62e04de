"""One description of the settings: what a model takes, what is wrong with a value, and what goes over the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from groqdesk.core import parameters
from groqdesk.core.catalog import ModelInfo
from groqdesk.core.parameters import PARAMETERS, split, to_wire, validate
from tests.core.models import GPT4O, GPT5, GROQ, LLAMA, LLMS, OSS, QWEN, model

# What the OpenAPI document says, in the draft that jsonschema checks


def _draft(part: Any) -> Any:
    if isinstance(part, list):
        return [_draft(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _draft(value) for key, value in part.items()}
    if part.pop("nullable", False):
        part = {"anyOf": [part, {"type": "null"}]}
    return part


_DOCUMENT = _draft(yaml.safe_load((Path(__file__).parent / "data" / "groq-chat-request.yaml").read_text("utf-8")))
_GROQ_REQUEST = jsonschema.Draft202012Validator(
    {**_DOCUMENT, "$ref": "#/components/schemas/CreateChatCompletionRequest"}
)
_DOCUMENTED_400 = {
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "metadata",
    "store",
    "n",
    "frequency_penalty",
    "presence_penalty",
}


def check_groq(model: ModelInfo, body: dict[str, object], tools: bool) -> None:
    """Raises where Groq answers this body with 400, by its OpenAPI document and the rules of its pages."""
    _GROQ_REQUEST.validate({"model": model.id, "messages": [{"role": "user", "content": "json"}], **body})
    assert not _DOCUMENTED_400 & set(body)
    assert not {"include_reasoning", "reasoning_format"} <= set(body)
    assert ("max_tokens" in body) + ("max_completion_tokens" in body) <= 1
    if model.reasoning == "none":
        assert not {"include_reasoning", "reasoning_format", "reasoning_effort"} & set(body)
    if "gpt-oss" in model.id:
        assert "reasoning_format" not in body
        assert "parallel_tool_calls" not in body
        assert body.get("reasoning_effort", "low") in ("low", "medium", "high")
    if "reasoning_effort" in body:
        assert body["reasoning_effort"] in model.reasoning_efforts
    most = model.max_output_tokens
    if "max_completion_tokens" in body and most:
        assert 1 <= int(str(body["max_completion_tokens"])) <= most
    if "parallel_tool_calls" in body:
        assert tools
    form = body.get("response_format")
    if form is not None:
        assert isinstance(form, dict)
        assert not tools
        assert body.get("reasoning_format") != "raw"
        assert model.json_mode or form["type"] != "json_object"
        if form["type"] == "json_schema":
            assert model.json_schema != "none"
            assert model.json_schema == "strict" or not form["json_schema"].get("strict")
            jsonschema.Draft202012Validator.check_schema(form["json_schema"]["schema"])


def test_the_check_itself_refuses_what_groq_refuses() -> None:
    for bad in (
        {"n": 2}, {"verbosity": "low"}, {"temperature": 3}, {"reasoning_effort": "xhigh"}, {"stop": ["a"] * 5},
        {"service_tier": "priority"}, {"response_format": {"type": "yaml"}}, {"seed": 1.5},
    ):  # fmt: skip
        with pytest.raises(jsonschema.ValidationError):
            check_groq(OSS, bad, False)
    check_groq(OSS, {"temperature": 1, "stop": ["a"], "seed": 1, "service_tier": "flex"}, False)


# Values: right, nearly right, and anything at all

_text = st.text(max_size=12)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)
_property = st.sampled_from(
    [
        {"type": "string"}, {"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "number"}, "minItems": 1}, {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"enum": ["a", "b"]}, {"type": "object", "properties": {"x": {"type": "string"}}}, {"$ref": "#/$defs/no"}, True,
        {"type": "text"}, {"type": "object", "properties": {}, "required": [], "additionalProperties": False}, {"items": 3},
    ]
)  # fmt: skip


@st.composite
def _schemas(draw: st.DrawFn) -> dict[str, object]:
    properties = draw(st.dictionaries(st.sampled_from(["a", "minItems", "format"]), _property, max_size=3))
    schema: dict[str, object] = {"type": "object", "properties": properties}
    if draw(st.booleans()):
        schema |= {"required": list(properties), "additionalProperties": False}
    if draw(st.booleans()):
        schema["title"] = draw(_text)
    return schema


def _likely(name: str) -> st.SearchStrategy[Any]:
    kind = next(p for p in PARAMETERS if p.name == name)
    likely: st.SearchStrategy[object]
    match kind.kind:
        case "float":
            likely = st.floats(kind.minimum, kind.maximum)
        case "int":
            likely = st.integers(1, int(kind.maximum or 70_000))
        case "choice":
            likely = st.sampled_from([choice.value for choice in kind.choices])
        case "bool":
            likely = st.booleans()
        case "strings":
            likely = st.lists(st.text(min_size=1, max_size=5), max_size=4)
        case "text":
            likely = _text
        case "json":
            likely = _schemas()
    return likely


def _value(name: str) -> st.SearchStrategy[object]:
    # Mostly likely values: otherwise hardly any set of settings would be without a problem.
    return st.one_of(*[_likely(name)] * 12, st.none(), _json)


_any_set: st.SearchStrategy[dict[str, object]] = st.sets(
    st.sampled_from([*(p.name for p in PARAMETERS), "unheard_of"]), max_size=6
).flatmap(
    lambda names: st.fixed_dictionaries({name: _value(name) if name != "unheard_of" else _json for name in names})
)
_format_set: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {
        "response_format": st.sampled_from(["json_schema", "json_schema", "json_object"]),
        "response_schema": _schemas(),
        "strict_schema": st.booleans(),
        "reasoning_effort": st.sampled_from(["low", "medium", "high", "none"]),
    }
)
_plain_set: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        p.name: _likely(p.name)
        for p in PARAMETERS
        if p.name not in ("response_format", "response_schema", "strict_schema")
    },
)
_sets = _any_set | _plain_set | _format_set | st.builds(lambda one, two: one | two, _any_set, _format_set)
# The retired ones take little: mostly those that take much.
_groq_models = st.sampled_from([*[OSS, model("gpt-oss-20b", "demo"), QWEN, LLAMA] * 8, *GROQ])


def test_the_sets_reach_every_field() -> None:
    """Counts what the property tests see: without this they could pass by never meeting a schema."""
    seen: set[str] = set()

    @settings(max_examples=1200)
    @given(_groq_models, _sets, st.booleans())
    def look(model: ModelInfo, values: dict[str, object], tools: bool) -> None:
        if validate(model, values, tools=tools):
            seen.add("problem")
            return
        body = to_wire(model, values, "groq", tools=tools)
        seen.update(body)
        form = body.get("response_format")
        if isinstance(form, dict):
            seen.add("strict" if form.get("json_schema", {}).get("strict") else form["type"])

    look()
    assert seen >= {
        "problem", "strict", "json_schema", "json_object", "temperature", "top_p", "max_completion_tokens", "seed", "stop",
        "reasoning_effort", "include_reasoning", "reasoning_format", "service_tier", "user", "parallel_tool_calls",
    }  # fmt: skip


@settings(max_examples=300)
@given(_groq_models, _sets, st.booleans())
def test_valid_settings_are_never_refused_by_groq(model: ModelInfo, values: dict[str, object], tools: bool) -> None:
    if validate(model, values, tools=tools):
        return
    check_groq(model, to_wire(model, values, "groq", tools=tools), tools)


@settings(max_examples=300)
@given(_groq_models, _sets, st.booleans())
def test_what_to_wire_lets_through_is_never_refused(model: ModelInfo, values: dict[str, object], tools: bool) -> None:
    try:
        body = to_wire(model, values, "groq", tools=tools)
    except ValueError:
        assert validate(model, split(model, values)[0], tools=tools)
        return
    check_groq(model, body, tools)


@settings(max_examples=300)
@given(_groq_models, _sets, st.booleans())
def test_fitted_settings_always_work(model: ModelInfo, values: dict[str, object], tools: bool) -> None:
    fitted = parameters.fit(model, values, tools=tools)
    assert validate(model, fitted, tools=tools) == ()
    check_groq(model, to_wire(model, fitted, "groq", tools=tools), tools)


@given(st.sampled_from([m for m in LLMS if m.provider == "openai"]), _sets, st.booleans())
def test_openai_bodies_hold_what_its_models_take(model: ModelInfo, values: dict[str, object], tools: bool) -> None:
    body = to_wire(model, parameters.fit(model, values, tools=tools), "openai", tools=tools)
    allowed = {
        "max_completion_tokens", "seed", "reasoning_effort", "response_format", "service_tier", "user", "temperature", "top_p",
        "stop", "frequency_penalty", "presence_penalty", "parallel_tool_calls",
    }  # fmt: skip
    assert set(body) <= allowed
    if model.reasons:
        assert not {"temperature", "top_p", "stop", "frequency_penalty", "presence_penalty"} & set(body)
    else:
        assert "reasoning_effort" not in body
    assert tools or "parallel_tool_calls" not in body


@given(st.sampled_from([None, *LLMS]), _sets)
def test_kept_and_dropped_are_all(model: ModelInfo | None, values: dict[str, object]) -> None:
    kept, dropped = split(model, values)
    assert set(kept) | set(dropped) == set(values)
    assert not set(kept) & set(dropped)
    assert all(kept[name] is values[name] for name in kept)
    assert set(kept) <= {p.name for p in parameters.for_model(model)}


@given(st.sampled_from([None, *LLMS]), _sets)
def test_every_problem_is_a_sentence_with_a_fix_that_helps(model: ModelInfo | None, values: dict[str, object]) -> None:
    for problem in validate(model, values):
        assert problem.sentence.endswith(".")
        assert len(problem.sentence) < 200
        assert problem.fix_label
        fixed = {**values, problem.name: problem.fix_value}
        assert problem not in validate(model, fixed)


@given(_sets)
def test_every_body_is_json(values: dict[str, object]) -> None:
    body = to_wire(None, parameters.fit(None, values), "compatible")
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert not {"model", "messages", "stream", "tools"} & set(body)


# What a model takes


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (OSS, "temperature top_p max_completion_tokens seed stop reasoning_effort response_format response_schema strict_schema "
              "include_reasoning service_tier user"),
        (QWEN, "temperature top_p max_completion_tokens seed stop reasoning_effort response_format reasoning_format "
               "parallel_tool_calls service_tier user"),
        (LLAMA, "temperature top_p max_completion_tokens seed stop response_format parallel_tool_calls service_tier user"),
        (GPT5, "max_completion_tokens seed reasoning_effort response_format response_schema strict_schema parallel_tool_calls "
               "service_tier user"),
        (GPT4O, "temperature top_p max_completion_tokens seed stop response_format response_schema strict_schema "
                "parallel_tool_calls frequency_penalty presence_penalty service_tier user"),
        (None, "temperature top_p max_completion_tokens seed stop reasoning_effort response_format response_schema strict_schema "
               "parallel_tool_calls frequency_penalty presence_penalty user extra_body"),
        (model("whisper-large-v3"), ""),
    ],
)  # fmt: skip
def test_what_each_model_takes(model: ModelInfo | None, names: str) -> None:
    assert [p.name for p in parameters.for_model(model)] == names.split()


def test_ranges_and_choices_are_the_models_own() -> None:
    oss = {p.name: p for p in parameters.for_model(OSS)}
    assert oss["max_completion_tokens"].maximum == 65_536
    assert [c.value for c in oss["reasoning_effort"].choices] == ["low", "medium", "high"]
    assert oss["reasoning_effort"].default == "medium"
    qwen = {p.name: p for p in parameters.for_model(QWEN)}
    assert qwen["max_completion_tokens"].maximum == 16_384
    assert [c.value for c in qwen["reasoning_effort"].choices] == ["none", "default", "low", "medium", "high"]
    assert [c.value for c in qwen["response_format"].choices] == ["text", "json_object"]
    assert (oss["temperature"].minimum, oss["temperature"].maximum, oss["temperature"].step) == (0, 2, 0.01)


def test_defaults_and_changes() -> None:
    assert parameters.default(OSS, "temperature") == 1.0
    assert parameters.default(OSS, "reasoning_effort") == "medium"
    assert parameters.default(OSS, "frequency_penalty") is None
    assert parameters.default(None, "temperature") is None
    values = {
        "seed": 7,
        "temperature": 1,
        "reasoning_effort": "high",
        "stop": [],
        "parallel_tool_calls": False,
        "user": None,
    }
    assert parameters.changed(OSS, values) == ("seed", "reasoning_effort")
    assert parameters.changed(QWEN, values) == ("seed", "reasoning_effort", "parallel_tool_calls")
    assert parameters.changed(OSS, {"include_reasoning": True}) == ()


def test_settings_that_do_not_apply_are_named() -> None:
    kept, dropped = split(OSS, {"temperature": 0.2, "frequency_penalty": 1, "reasoning_format": "hidden"})
    assert kept == {"temperature": 0.2}
    assert dropped == ("frequency_penalty", "reasoning_format")


def test_an_effort_of_another_model_does_not_survive_the_switch() -> None:
    assert split(OSS, {"reasoning_effort": "none"}) == ({}, ("reasoning_effort",))
    assert "reasoning_effort" not in to_wire(OSS, {"reasoning_effort": "none"}, "groq")
    assert to_wire(QWEN, {"reasoning_effort": "none"}, "groq")["reasoning_effort"] == "none"


@given(st.sampled_from(LLMS), _sets)
def test_fitted_settings_follow_the_schema(model: ModelInfo, values: dict[str, object]) -> None:
    fitted = {
        k: list(v) if isinstance(v, tuple) else v for k, v in parameters.fit(model, values).items() if v is not None
    }
    jsonschema.validate(fitted, parameters.json_schema(model))
