"""Requests that Groq refuses, in Groq's words, and those that it takes."""

from typing import Any

import pytest

from groqdesk.simulator.models import SERVED
from groqdesk.simulator.validation import BadRequest, ChatRequest, check, nearest

OSS, QWEN, ALLAM = "openai/gpt-oss-20b", "qwen/qwen3.8-27b", "allam-2-7b"
HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def checked(model: str = OSS, messages: Any = HI, **more: Any) -> ChatRequest:
    return check({"model": model, "messages": messages, **more}, SERVED[model])


def schema(**more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}} | more}


STRICT_GOOD = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"store": True}, "property 'store' is unsupported, did you mean 'stop'?"),
        ({"temprature": 1}, "property 'temprature' is unsupported, did you mean 'temperature'?"),
        ({"verbosity": "low"}, "property 'verbosity' is unsupported"),
        ({"messages": []}, "'messages' : minimum number of items is 1"),
        ({"messages": "hi"}, "'messages' : value must be an array"),
        ({"messages": [{"content": "hi"}]}, "'messages.0' : discriminator property 'role' is missing"),
        (
            {"messages": [{"role": "bot", "content": ""}]},
            "'messages.0' : discriminator property 'role' has invalid value",
        ),
        (
            {"messages": [*HI, HI[0], {"role": "assistant", "content": "x", "reasoning_content": "y"}]},
            "'messages.2' : for 'role:assistant' the following must be satisfied"
            "[('messages.2' : property 'reasoning_content' is unsupported)]",
        ),
        (
            {"messages": [HI[0] | {"timestamp": 1}]},
            "'messages.0' : for 'role:user' the following must be satisfied"
            "[('messages.0' : property 'timestamp' is unsupported)]",
        ),
        ({"messages": [{"role": "user", "content": 5}]}, "('messages.0.content' : value must be a string)"),
        ({"messages": [{"role": "user"}]}, "('messages.0' : property 'content' is missing)"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "('messages.0' : property 'tool_call_id' is missing)"),
        ({"messages": [{"role": "assistant"}]}, "('messages.0' : property 'content' is missing)"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {}}}],
                    }
                ]
            },
            "('messages.0.tool_calls.0.function' : 'name' and 'arguments' must be strings)",
        ),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content must be a string"),
        ({"messages": [{"role": "user", "content": []}]}, "'messages.0.content' : minimum number of items is 1"),
        ({"n": 2}, "'n' : number must be at most 1"),
        ({"temperature": 2.1}, "'temperature' : number must be less than or equal to 2"),
        ({"temperature": float("nan")}, "'temperature' : number must be"),
        ({"temperature": "1"}, "'temperature' : value must be a number"),
        ({"top_p": -0.1}, "'top_p' : number must be greater than or equal to 0"),
        ({"stream": "yes"}, "'stream' : value must be a boolean"),
        ({"seed": 1.5}, "'seed' : value must be an integer"),
        ({"logprobs": True}, "`logprobs` is not supported with this model"),
        ({"logit_bias": {"5": 1}}, "`logit_bias` is not supported with this model"),
        ({"stop": ["a"] * 5}, "'stop' : maximum number of items is 4"),
        ({"stop": 5}, "'stop' : value must be a string or an array of strings"),
        ({"service_tier": "default"}, "'service_tier' : value must be one of [auto on_demand flex performance]"),
        ({"stream_options": {"include_usages": True}}, "property 'include_usages' is unsupported, did you mean"),
        ({"max_completion_tokens": 0}, "'max_completion_tokens' : number must be at least 1"),
        (
            {"max_tokens": 65537},
            "`max_tokens` must be less than or equal to `65536`, the maximum value for `max_tokens` is less than the "
            "`context_window` for this model",
        ),
        ({"reasoning_effort": "none"}, "`reasoning_effort` must be one of `low`, `medium`, or `high`"),
        ({"model": QWEN, "reasoning_effort": "max"}, "one of `none`, `default`, `low`, `medium`, or `high`"),
        ({"model": ALLAM, "reasoning_effort": "low"}, "`reasoning_effort` is not supported with this model"),
        (
            {"reasoning_format": "parsed", "include_reasoning": True},
            "cannot specify both `reasoning_format` and `include_reasoning`",
        ),
        ({"model": QWEN, "reasoning_format": "raw", "tools": [TOOL]}, "must be `hidden` or `parsed`"),
        ({"tools": [TOOL] * 129}, "'tools' : maximum number of items is 128"),
        ({"model": ALLAM, "tools": [TOOL]}, "`tool calling` is not supported with this model"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "'tools.0.function.name' : string must match"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "dict"}}}]},
            'invalid JSON schema for tool f, tools[0].function.parameters: `/type`: value must be one of "array"',
        ),
        ({"tool_choice": "required"}, "tool_choice `required` is only allowed when tools are specified"),
        ({"tools": [TOOL], "tool_choice": "f"}, "'tool_choice' : value must be one of"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice function `g` is not in request.tools",
        ),
        (
            {"response_format": {"type": "json_object"}},
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        ),
        ({"response_format": {"type": "xml"}}, "'response_format' : discriminator property 'type' has invalid value"),
        ({"response_format": schema(), "stream": True}, "`response_format` does not support streaming"),
        ({"response_format": schema(), "tools": [TOOL]}, "json mode cannot be combined with tool/function calling"),
        ({"model": QWEN, "response_format": schema()}, "does not support response format `json_schema`"),
        ({"response_format": schema(name="a b")}, "'response_format.json_schema.name' : string must match"),
        (
            {
                "response_format": schema(
                    schema={"type": "object", "properties": {"next_step": {"type": "array", "minItems": 1}}}
                )
            },
            "invalid schema for response format: response_format/json_schema/next_step: minItems is not supported",
        ),
        (
            {"response_format": schema(strict=True, schema={"type": "object", "properties": {}})},
            "`additionalProperties:false` must be set on every object",
        ),
        (
            {"response_format": schema(strict=True, schema=STRICT_GOOD | {"required": []})},
            "`required` must list every key of properties. Missing: a",
        ),
        ({"model": "whisper-large-v3"}, "The model `whisper-large-v3` does not support chat completions"),
        ({"model": "canopylabs/orpheus-v1-english"}, "does not support chat completions"),
    ],
)
def test_refusals_have_the_words_of_groq(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        checked(**request_)
    assert message in refused.value.error["message"]
    assert refused.value.error["type"] == "invalid_request_error"


def test_too_long_a_prompt_names_its_code() -> None:
    with pytest.raises(BadRequest) as refused:
        checked(ALLAM, [{"role": "user", "content": "word " * 4100}])
    assert refused.value.error == {
        "message": "Please reduce the length of the messages or completion.",
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
        "param": "messages",
    }


def test_reasoning_in_history_is_for_reasoning_models_only() -> None:
    history = [*HI, {"role": "assistant", "content": "x", "reasoning": "y"}, *HI]
    assert checked(OSS, history).messages == history
    with pytest.raises(BadRequest, match="property 'reasoning' is unsupported"):
        checked(ALLAM, history)


def test_everything_that_groq_takes_is_taken() -> None:
    request = checked(
        QWEN,
        [
            {"role": "system", "content": [{"type": "text", "text": "s"}]},
            {"role": "developer", "content": "d"},
            {"role": "user", "content": [{"type": "text", "text": "u"}, IMAGE]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": "r"},
            {"role": "function", "name": "f", "content": None},
        ],
        temperature=0,
        top_p=1,
        max_tokens=20,
        max_completion_tokens=10,
        stop=["a", "b"],
        seed=7,
        n=1,
        stream=True,
        stream_options={"include_usage": True},
        tools=[TOOL],
        tool_choice="auto",
        parallel_tool_calls=True,
        reasoning_effort="default",
        reasoning_format="parsed",
        service_tier="flex",
        user="u",
        frequency_penalty=0,
        presence_penalty=None,
        logprobs=False,
    )
    assert (request.max_tokens, request.stop, request.seed, request.stream, request.include_usage) == (
        10,
        ("a", "b"),
        7,
        True,
        True,
    )
    assert (request.effort, request.reasoning_place, request.service_tier) == ("default", "parsed", "flex")


@pytest.mark.parametrize(
    ("model", "more", "place"),
    [
        (OSS, {}, "parsed"),
        (OSS, {"include_reasoning": False}, "hidden"),
        (QWEN, {}, "raw"),
        (QWEN, {"reasoning_format": "hidden"}, "hidden"),
        (QWEN, {"include_reasoning": True}, "parsed"),
        (QWEN, {"tools": [TOOL]}, "parsed"),
    ],
)
def test_where_reasoning_goes(model: str, more: dict[str, Any], place: str) -> None:
    assert checked(model, **more).reasoning_place == place


def test_strict_schema_that_follows_the_rules_is_taken() -> None:
    assert checked(response_format=schema(strict=True, schema=STRICT_GOOD)).schema == STRICT_GOOD


def test_nearest_field_is_named_only_when_it_is_near() -> None:
    known = frozenset({"stop", "stream", "n", "user"})
    assert nearest("store", known) == "stop"
    assert nearest("id", known) is None
    assert nearest("modalities", known) is None
