"""Tool calls in every shape that servers send, and the order of what comes out of one read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groqdesk.core.messages import ReasoningDelta, TextDelta, ToolCall, ToolCallRequested
from groqdesk.providers.answers import StreamedAnswer, whole_answer
from groqdesk.providers.wire import decode_chunk
from tests.providers.fault_server import DONE, END, USAGE, chunk


def fragment(index=None, call_id=None, name=None, arguments=None) -> dict:
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    value = {"index": index, "id": call_id, "function": function or None, "type": "function"}
    return {k: v for k, v in value.items() if v is not None}


def calls_of(*fragments: list[dict], finish: str = "tool_calls") -> tuple:
    answer = StreamedAnswer()
    for group in fragments:
        assert answer.feed(chunk(tool_calls=group)) == []
    answer.feed(chunk(finish=finish) + DONE)
    events = answer.end()
    assert all(isinstance(e, ToolCallRequested) for e in events)
    assert answer.finish_reason == "tool_calls"
    return tuple(e.call for e in events)


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        # Groq: whole calls in one chunk
        ([[fragment(0, "fc_1", "f", '{"a":1}')]], [ToolCall("fc_1", "f", '{"a":1}')]),
        # OpenAI: id and name once, arguments in pieces
        ([[fragment(0, "c1", "f", "")], [fragment(0, arguments='{"a"')], [fragment(0, arguments=":1}")]],
         [ToolCall("c1", "f", '{"a":1}')]),
        # two calls interleaved
        ([[fragment(0, "c1", "f", "{"), fragment(1, "c2", "g", "[")], [fragment(1, arguments="]"), fragment(0, arguments="}")]],
         [ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "[]")]),
        # no index (Ollama): whole calls
        ([[fragment(None, "c1", "f", "{}")], [fragment(None, "c2", "g", "{}")]],
         [ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "{}")]),
        # no index, the id repeated
        ([[fragment(None, "c1", "f", "{")], [fragment(None, "c1", None, "}")]], [ToolCall("c1", "f", "{}")]),
        # neither index nor id after the first
        ([[fragment(None, "c1", "f", "{")], [fragment(None, None, None, "}")]], [ToolCall("c1", "f", "{}")]),
        # neither, but two names
        ([[fragment(None, None, "f", "{}")], [fragment(None, None, "g", "{}")]],
         [ToolCall("call_0", "f", "{}"), ToolCall("call_1", "g", "{}")]),
        # id and name repeated in every fragment
        ([[fragment(0, "c1", "f", "{")], [fragment(0, "c1", "f", "}")]], [ToolCall("c1", "f", "{}")]),
        # two calls with one index
        ([[fragment(0, "c1", "f", "{}")], [fragment(0, "c2", "g", "{}")]],
         [ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "{}")]),
        # two calls with one id
        ([[fragment(0, "c", "f", "{}"), fragment(1, "c", "g", "{}")]],
         [ToolCall("c", "f", "{}"), ToolCall("c_1", "g", "{}")]),
        # broken arguments stay as they are: the model is told
        ([[fragment(0, "c1", "f", '{"a":')]], [ToolCall("c1", "f", '{"a":')]),
        # arguments as an object
        ([[fragment(0, "c1", "f", {"a": 1})]], [ToolCall("c1", "f", '{"a":1}')]),
        # no function at all
        ([[fragment(0, "c1")]], [ToolCall("c1", "", "")]),
    ],
)  # fmt: skip
def test_tool_calls(fragments, expected):
    assert list(calls_of(*fragments)) == expected
    assert list(calls_of(*fragments, finish="stop")) == expected


def test_neighbours_of_one_read_are_joined_in_their_order():
    answer = StreamedAnswer()
    read = b"".join(
        [chunk(reasoning="a"), chunk(reasoning_content="b"), chunk("c"), chunk("d"), chunk(reasoning="e"), chunk("f")]
    )
    assert answer.feed(read) == [ReasoningDelta("ab"), TextDelta("cd"), ReasoningDelta("e"), TextDelta("f")]


def test_usage_counts_once_and_the_last_one_wins():
    answer = StreamedAnswer()
    later = {**USAGE, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}
    answer.feed(chunk(finish="stop", x_groq={"id": "r", "usage": USAGE}, usage=USAGE))
    answer.feed(b"data: " + json.dumps({"choices": [], "usage": later}).encode() + b"\n\n")
    answer.feed(b"data: " + json.dumps({"choices": [], "usage": None}).encode() + b"\n\n")
    usage = answer.token_usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (10, 7, 4)
    assert (usage.queue_s, usage.prompt_s, usage.completion_s) == (0.1, 0.01, 0.02)
    assert not usage.estimated


def test_nothing_is_taken_after_the_end():
    answer = StreamedAnswer()
    answer.feed(chunk("a") + END + chunk("late"))
    assert answer.done
    assert answer.feed(chunk("later")) == []


def test_a_flat_error_is_an_error():
    answer = StreamedAnswer()
    answer.feed(b'data: {"object":"error","message":"no memory","code":500}\n\n')
    assert answer.error.message == "no memory"


@pytest.mark.parametrize(
    "data", [b"event: ping\ndata: {}\n\n", b"data: {}\n\n", b'data: {"choices":[{}]}\n\n', b"data: \n\n"]
)
def test_odd_events(data):
    answer = StreamedAnswer()
    assert answer.feed(data) == []
    assert answer.error is None
    assert bool(answer.broken) == (data == b"data: \n\n")


WHOLE = b"".join(
    [
        chunk("Grüße"),
        chunk(reasoning="x"),
        chunk(tool_calls=[fragment(0, "a", "f", "{}")]),
        b"event: error\ndata: {}\n\n",
        END,
    ]
)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE) - 1),
            st.integers(0, 40),
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from([b"\r\n", b'{"error":1}', b"null", b"[" * 200, b"1e999", b"\\ud800"]),
            ),
        ),
        max_size=6,
    ),
    st.integers(1, 300),
)
@settings(max_examples=400, deadline=None)
def test_no_damage_is_too_odd(damage, size):
    """Bytes cut out and put in anywhere: never an exception, never a finish reason and a fault at once from nothing."""
    body = WHOLE
    for at, length, put in damage:
        body = body[:at] + put + body[at + length :]
    answer = StreamedAnswer()
    for start in range(0, len(body), size):
        for event in answer.feed(body[start : start + size]):
            assert isinstance(event, TextDelta | ReasoningDelta)
            event.text.encode()
    answer.end()
    assert answer.token_usage is None or answer.token_usage.total_tokens >= 0


def test_half_a_character_is_no_reason_to_stop():
    answer = StreamedAnswer()
    half = b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n'
    assert answer.feed(half + chunk("b")) == [TextDelta("a\ufffdb")]
    assert not answer.broken


def test_bytes_that_are_no_text():
    answer = StreamedAnswer()
    answer.feed(b'data: {"a":\xfe, "b": "\xee\n"}\n\ndata: {"choices":[{"delta":{"content":"\xee\xff"}}]}\n\n')
    assert answer.broken


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "function_call", "eos", ""])
def test_finish_reasons(reason):
    answer = StreamedAnswer()
    answer.feed(chunk(finish=reason))
    expected = {"function_call": "tool_calls", "eos": "stop", "": None}.get(reason, reason)
    assert answer.finish_reason == expected


def test_a_whole_answer_with_calls_of_one_index():
    body = {
        "choices": [
            {
                "message": {"content": None, "tool_calls": [fragment(0, "a", "f", "{}"), fragment(0, "b", "g", "{}")]},
                "finish_reason": "stop",
            }
        ]
    }
    answer = whole_answer(decode_chunk(json.dumps(body).encode()), "p", "m", None)
    assert [call.name for call in answer.tool_calls] == ["f", "g"]
    assert (answer.text, answer.finish_reason, answer.usage) == ("", "tool_calls", None)
