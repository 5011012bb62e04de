"""Every recorded reply of Groq through the real client: right text, calls, usage and errors, however it is cut up."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groqdesk.core.errors import (
    BadResponse,
    GroqError,
    GroqErrorType,
    ModelNotFound,
    ProviderError,
    ToolCallInvalid,
    Truncated,
)
from groqdesk.core.messages import Finished, ReasoningDelta, TextDelta, ToolCallRequested
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.providers.answers import StreamedAnswer
from groqdesk.providers.cassettes import Cassette, Player
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.transport import HttpClient
from groqdesk.providers.wire import chat_body
from tests.providers.conftest import ManualClock, ask, collected, until_error
from tests.providers.recorded import INDEX, RECORDINGS, STREAMS, Recording, expected_of

ERRORS = [r for r in RECORDINGS if r.status != 200]
NO_CHAT = "vercel-ai__groq-transcription-text.json"
BROKEN_OFF = "pydantic-ai__test_tool_use_failed_error_streaming__0"
ANSWERS = [r for r in RECORDINGS if r.status == 200 and r.name not in (NO_CHAT, BROKEN_OFF)]


def by_name(name: str) -> Recording:
    return next(r for r in RECORDINGS if r.name == name)


def provider_for(recording: Recording, *, stream: bool, cut: int | None = None, clean: bool = True) -> GroqLLMProvider:
    body = chat_body(ask(), ask().model, {}, stream=stream, include_usage=False)
    cassette = Cassette([recording.interaction(body, cut=cut, clean=clean)])

    async def key() -> Secret:
        return Secret("gsk_none")

    http = HttpClient(Timings(), wrap=lambda _: Player(cassette), proxies={})
    return GroqLLMProvider(GroqClient(key, http, Timings(), ManualClock()), Timings())


def test_nothing_is_left_out():
    assert len(RECORDINGS) == len(INDEX) == 37
    assert len(ANSWERS) + len(ERRORS) + 2 == len(RECORDINGS)
    assert len(STREAMS) == 5


@pytest.mark.parametrize("recording", [r for r in ANSWERS if not r.streamed], ids=lambda r: r.name)
async def test_a_whole_answer(recording):
    answer = await provider_for(recording, stream=False).generate_response(ask())
    expected = expected_of(recording)
    assert answer.text == expected.text
    assert answer.reasoning == expected.reasoning
    assert [(c.id, c.name, c.arguments) for c in answer.tool_calls] == expected.calls
    assert answer.finish_reason == expected.finish
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (expected.prompt, expected.completion)
    assert (answer.usage.cached_tokens, answer.usage.reasoning_tokens) == (expected.cached, expected.thought)
    # Compound systems have only "stub" there.
    assert answer.request_id is None or answer.request_id.startswith("req_")
    assert (answer.request_id is None) == (b'"stub"' in recording.body)


@pytest.mark.parametrize("recording", [r for r in ANSWERS if r.streamed], ids=lambda r: r.name)
async def test_a_streamed_answer_counts_its_usage_once(recording):
    events = await collected(provider_for(recording, stream=True).generate_streaming_response(ask()))
    expected = expected_of(recording)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == expected.text
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == expected.reasoning
    calls = [e.call for e in events if isinstance(e, ToolCallRequested)]
    assert [(c.id, c.name, c.arguments) for c in calls] == expected.calls
    assert [type(e) for e in events].count(Finished) == 1
    end = events[-1]
    assert end.finish_reason == expected.finish
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (expected.prompt, expected.completion)
    assert end.request_id.startswith("req_")


def test_the_plain_reading_found_something():
    """The expectations above are not empty by mistake."""
    assert expected_of(by_name("vercel-ai__groq-text.sse")).completion == 662
    assert expected_of(by_name("vercel-ai__groq-tool-call.sse")).calls == [("tk85n1k4m", "weather", "{}")]
    assert expected_of(by_name("pydantic-ai__test_tool_use_failed_error__2")).cached > 0
    assert len(expected_of(by_name("pydantic-ai__test_tool_use_failed_error_streaming__2")).text) > 50


async def test_an_error_inside_a_stream_comes_after_its_thoughts():
    recording = by_name(BROKEN_OFF)
    events, error = await until_error(
        provider_for(recording, stream=True).generate_streaming_response(ask()), ToolCallInvalid
    )
    thoughts = "".join(e.text for e in events if isinstance(e, ReasoningDelta))
    assert thoughts == expected_of(recording).reasoning
    assert len(thoughts) > 100
    assert error.message == "The model called get_something_by_name without a name."
    assert (error.status, error.code) == (400, "tool_use_failed")
    assert error.request_id.startswith("req_")
    assert error.__cause__.type is GroqErrorType.TOOL_USE_FAILED
    assert error.__cause__.failed_generation.startswith('{"name": "get_something_by_name"')


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        (
            "pydantic-ai__test_model_name_suggestion_groq___0",
            ModelNotFound,
            "Groq does not offer openai/gpt-oss-20b to this key.",
        ),
        (
            "pydantic-ai__test_tool_regular_error__0",
            ModelNotFound,
            "Groq does not offer openai/gpt-oss-20b to this key.",
        ),
        (
            "pydantic-ai__test_tool_use_failed_error__0",
            ToolCallInvalid,
            "The model called get_something_by_name without a name.",
        ),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_recorded_errors(name, kind, sentence, stream):
    recording = by_name(name)
    provider = provider_for(recording, stream=stream)
    call = collected(provider.generate_streaming_response(ask())) if stream else provider.generate_response(ask())
    with pytest.raises(kind) as caught:
        await call
    error = caught.value
    assert error.message == sentence
    assert error.status == recording.status
    assert (error.provider, error.model) == ("groq", ask().model)
    assert isinstance(error.__cause__, GroqError)
    assert error.__cause__.message
    assert recording in ERRORS


async def test_a_reply_of_another_route_is_refused():
    with pytest.raises(BadResponse):
        await provider_for(by_name(NO_CHAT), stream=False).generate_response(ask())


def outcome(pieces: list[bytes]) -> tuple:
    answer = StreamedAnswer()
    text, thoughts = "", ""
    for piece in pieces:
        for event in answer.feed(piece):
            if isinstance(event, TextDelta):
                text += event.text
            else:
                assert isinstance(event, ReasoningDelta)
                thoughts += event.text
    return text, thoughts, answer.tool_calls(), answer.finish_reason, answer.token_usage, answer.error, answer.broken


def pieces_of(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cuts), len(body)]
    return [body[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("recording", STREAMS, ids=lambda r: r.name)
def test_byte_by_byte_is_the_same_as_whole(recording):
    whole = outcome([recording.body])
    assert whole[0] or whole[1] or whole[2]
    assert outcome([recording.body[i : i + 1] for i in range(len(recording.body))]) == whole


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
@pytest.mark.parametrize("recording", STREAMS[:4], ids=lambda r: r.name)
def test_other_line_ends_are_the_same(recording, line_end):
    body = b"\xef\xbb\xbf: hello\n\n" + recording.body
    other = body.replace(b"\n", line_end)
    whole = outcome([recording.body])
    assert outcome([other]) == whole
    assert outcome([other[i : i + 1] for i in range(len(other))]) == whole


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_split_is_the_same_as_whole(data):
    recording = data.draw(st.sampled_from(STREAMS))
    cuts = data.draw(st.lists(st.integers(0, len(recording.body)), max_size=60))
    assert outcome(pieces_of(recording.body, cuts)) == outcome([recording.body])


def end_of_finish(body: bytes) -> int:
    """Where the event with the finish reason is complete: what is cut before is cut off."""
    answer = StreamedAnswer()
    for position in range(len(body)):
        answer.feed(body[position : position + 1])
        if answer.finish_reason is not None or answer.error is not None:
            return position + 1
    raise AssertionError("no finish reason")


@pytest.mark.parametrize("recording", STREAMS, ids=lambda r: r.name)
async def test_a_cut_stream_is_never_complete(recording):
    """Every position of the short streams by the parser, sampled ones of all through the client."""
    border = end_of_finish(recording.body)
    for cut in range(border) if border < 10_000 else random.Random(1).sample(range(border), 3000):
        answer = StreamedAnswer()
        answer.feed(recording.body[:cut])
        assert answer.finish_reason is None
        assert not answer.done
    for cut in {0, 1, border - 1, *random.Random(2).sample(range(border), 25)}:
        for clean in (True, False):
            provider = provider_for(recording, stream=True, cut=cut, clean=clean)
            events, error = await until_error(provider.generate_streaming_response(ask()), ProviderError)
            assert type(error) is Truncated
            assert not any(isinstance(e, (Finished, ToolCallRequested)) for e in events)


async def test_a_clean_end_after_the_finish_reason_is_complete():
    recording = by_name("vercel-ai__groq-tool-call.sse")
    border = end_of_finish(recording.body)
    assert recording.body[border:].startswith(b"data: [DONE]")
    events = await collected(provider_for(recording, stream=True, cut=border).generate_streaming_response(ask()))
    assert isinstance(events[-1], Finished)
    _, error = await until_error(
        provider_for(recording, stream=True, cut=border, clean=False).generate_streaming_response(ask()), Truncated
    )
    assert error.provider == "groq"
