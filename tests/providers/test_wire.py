"""What we send: valid by the published schema, and nothing besides what is meant."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core.catalog import Catalog
from groqdesk.core.messages import CallContext, ChatRequest, Message, ToolCall, ToolSpec
from groqdesk.core.parameters import to_wire
from groqdesk.core.settings import resource
from groqdesk.providers.compatible_client import GROQ, ModelFacts
from groqdesk.providers.wire import Usage, chat_body
from tests.providers.recorded import FOLDER, RECORDINGS

SCHEMA = json.loads((FOLDER / "spec" / "groq-chat-request.schema.json").read_text("utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)
CATALOG = Catalog.parse(resource("catalog.toml").read_text("utf-8"))
TOOL = ToolSpec(
    "find_order", "Finds an order.", {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
)


HELLO = (Message("user", "hi"),)


def sent(messages=HELLO, parameters=None, tools=(), model="openai/gpt-oss-120b", stream=True, usage=False) -> dict:
    request = ChatRequest(model, tuple(messages), CallContext("action"), parameters or {}, tuple(tools))
    fields = to_wire(CATALOG.find("groq", model), request.parameters, "groq", tools=bool(tools))
    return json.loads(chat_body(request, model, fields, stream=stream, include_usage=usage))


def check(body: dict) -> dict:
    VALID.validate(body)
    return body


def test_the_schema_refuses_what_groq_refuses():
    """Otherwise the tests below say nothing."""
    good = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
    VALID.validate(good)
    for bad in ({**good, "store_": 1}, {**good, "messages": []}, {"model": "m"}, {**good, "temperature": 3}):
        assert not VALID.is_valid(bad)
    message = {"role": "assistant", "content": "a", "reasoning_content": "b"}
    assert not VALID.is_valid({**good, "messages": [message]})


def test_every_recorded_request_is_valid():
    requests = [r.request for r in RECORDINGS if r.request is not None]
    assert len(requests) == 32
    for request in requests:
        VALID.validate(request)


def test_the_smallest_request():
    assert check(sent()) == {
        "model": "openai/gpt-oss-120b",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }
    assert check(sent(stream=False)) == {
        "model": "openai/gpt-oss-120b",
        "messages": [{"role": "user", "content": "hi"}],
    }
    # Groq takes it, the published document does not list it, and its own address is never asked.
    assert sent(usage=True)["stream_options"] == {"include_usage": True}


def test_a_tool_round():
    history = (
        Message("system", "Be brief."),
        Message("user", "Where is 7?"),
        Message("assistant", "", (ToolCall("fc_1", "find_order", '{"id":"7"}'), ToolCall("fc_2", "find_order", ""))),
        Message("tool", "on its way", tool_call_id="fc_1"),
        Message("tool", "", tool_call_id="fc_2"),
        Message("assistant", "On its way."),
    )
    body = check(sent(history, {"parallel_tool_calls": False}, [TOOL]))
    assert body["messages"][2] == {
        "role": "assistant",
        "tool_calls": [
            {"id": "fc_1", "type": "function", "function": {"name": "find_order", "arguments": '{"id":"7"}'}},
            {"id": "fc_2", "type": "function", "function": {"name": "find_order", "arguments": "{}"}},
        ],
    }
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "fc_1", "content": "on its way"}
    assert body["tools"][0]["function"]["name"] == "find_order"
    assert {key for message in body["messages"] for key in message} == {"role", "content", "tool_calls", "tool_call_id"}


_text = st.text(max_size=30)
_calls = st.lists(st.builds(ToolCall, _text, st.from_regex(r"[a-z_]{1,20}", fullmatch=True), _text), max_size=2).map(
    tuple
)
_message = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user"]), _text),
    st.builds(Message, st.just("assistant"), _text, _calls),
    st.builds(Message, st.just("tool"), _text, tool_call_id=_text),
)
_parameters = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_completion_tokens": st.integers(1, 8000),
        "seed": st.integers(0, 1000),
        "stop": st.lists(st.text(min_size=1, max_size=5), max_size=4),
        "reasoning_effort": st.sampled_from(["low", "medium", "high", None]),
        "include_reasoning": st.booleans(),
        "service_tier": st.sampled_from(["auto", "on_demand", "flex"]),
        "user": st.text(alphabet="abc", max_size=10),
        "response_format": st.sampled_from(["text", "json_object"]),
    },
)


@given(st.lists(_message, min_size=1, max_size=6), _parameters, st.booleans(), st.booleans())
def test_whatever_is_asked_is_valid(messages, parameters, with_tools, stream):
    if with_tools:
        parameters.pop("response_format", None)
    body = check(sent(messages, parameters, [TOOL] if with_tools else [], stream=stream))
    assert None not in body.values()


def test_a_setting_cannot_replace_what_the_app_writes():
    request = ChatRequest("m", (Message("user", "a"),), CallContext("x"))
    body = json.loads(
        chat_body(
            request,
            "m",
            {"model": "other", "stream": False, "messages": [], "top_p": None, "n": 2},
            stream=True,
            include_usage=False,
        )
    )
    assert body == {"model": "m", "messages": [{"role": "user", "content": "a"}], "stream": True}


def test_half_a_character_is_sent_as_a_replacement():
    calls = (ToolCall("i", "f", "\ud800"),)
    body = sent((Message("user", "a\ud83d b"), Message("user", "\ud83d\ude80"), Message("assistant", "", calls)))
    assert [m.get("content") for m in body["messages"][:2]] == ["a\ufffd b", "🚀"]
    assert body["messages"][2]["tool_calls"][0]["function"]["arguments"] == "\ufffd"


def test_settings_without_a_catalogue():
    request = ChatRequest("m", (Message("user", "a"),), CallContext("x"), {"temperature": 0.5})
    assert ModelFacts().fields(request, GROQ.parameters) == {"temperature": 0.5}
    with pytest.raises(ValueError, match=r"\.$"):
        ModelFacts().fields(ChatRequest("m", (), CallContext("x"), {"temperature": 9}), GROQ.parameters)


def test_usage_that_makes_no_sense_is_bounded():
    usage = Usage(prompt_tokens=-3, completion_tokens=2).tokens()
    assert (usage.prompt_tokens, usage.completion_tokens) == (0, 2)
