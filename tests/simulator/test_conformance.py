"""The official clients must take every word of the simulator. Groq's checks each answer against its types."""

import json
from collections.abc import Iterator
from typing import Any

import groq
import openai
import pytest

from groqdesk.simulator.server import Simulator

pytestmark = pytest.mark.conformance
MODELS = ["openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.8-27b", "openai/gpt-oss-safeguard-20b", "allam-2-7b"]
OSS, QWEN = "openai/gpt-oss-20b", "qwen/qwen3.8-27b"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tells the weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
FORM: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def groq_client(sim: Simulator) -> Iterator[groq.Groq]:
    # The client adds /openai/v1 itself.
    base = sim.base_url.removesuffix("/openai/v1")
    with groq.Groq(api_key="gsk_practice", base_url=base, max_retries=0, _strict_response_validation=True) as client:
        yield client


@pytest.fixture
def openai_client(sim: Simulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="gsk_practice", base_url=sim.base_url, max_retries=0) as client:
        yield client


@pytest.fixture(params=["groq", "openai"])
def client(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_client")


def test_models(client: Any) -> None:
    listed = {model.id for model in client.models.list().data}
    assert set(MODELS) <= listed
    assert client.models.retrieve(OSS).owned_by == "OpenAI"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("question", ["hello", "table", "markdown", "200 words"])
def test_plain_and_streamed_answers_are_the_same(client: Any, model: str, question: str) -> None:
    plain = client.chat.completions.create(model=model, messages=ask(question), max_completion_tokens=1500)
    assert plain.choices[0].finish_reason == "stop"
    text, reasoning, usage = "", "", None
    with client.chat.completions.create(
        model=model,
        messages=ask(question),
        stream=True,
        max_completion_tokens=1500,
        extra_body={"stream_options": {"include_usage": True}},
    ) as stream:
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reasoning += getattr(choice.delta, "reasoning", None) or ""
    assert text == plain.choices[0].message.content
    assert reasoning == (getattr(plain.choices[0].message, "reasoning", None) or "")
    assert usage is not None
    assert usage.completion_tokens == plain.usage.completion_tokens


def test_x_groq_and_service_tier(groq_client: groq.Groq) -> None:
    plain = groq_client.chat.completions.create(model=OSS, messages=ask("hi"), seed=4)
    assert plain.x_groq is not None
    assert plain.x_groq.id.startswith("req_")
    assert plain.service_tier == "on_demand"
    chunks = list(groq_client.chat.completions.create(model=OSS, messages=ask("hi"), stream=True))
    assert chunks[-1].x_groq is not None
    assert chunks[-1].x_groq.usage is not None
    assert chunks[-1].x_groq.usage.total_tokens == plain.usage.total_tokens  # type: ignore[union-attr]


@pytest.mark.parametrize("model", [OSS, QWEN])
def test_a_round_of_tool_use(client: Any, model: str) -> None:
    messages = ask("What is the weather in Rome?")
    answer = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content is None
    (call,) = answer.message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Rome"}
    messages += [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": '{"temperature": 18, "sky": "clear"}'},
    ]
    final = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    assert final.finish_reason == "stop"
    assert "- **temperature**: 18" in final.message.content
    calls: list[Any] = []
    for chunk in client.chat.completions.create(model=model, messages=messages[:1], tools=TOOLS, stream=True):
        for choice in chunk.choices:
            calls += choice.delta.tool_calls or []
    assert [part.function.arguments for part in calls] == [call.function.arguments]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_forced_tools(client: Any, choice: Any) -> None:
    answer = client.chat.completions.create(model=OSS, messages=ask("joke"), tools=TOOLS, tool_choice=choice)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_reasoning_of_groq(groq_client: groq.Groq) -> None:
    def reasoning(**more: Any) -> str | None:
        answer = groq_client.chat.completions.create(messages=ask("Go"), **more)
        return answer.choices[0].message.reasoning

    low = reasoning(model=OSS, reasoning_effort="low")
    high = reasoning(model=OSS, reasoning_effort="high")
    assert low is not None
    assert high is not None
    assert len(low) < len(high)
    assert reasoning(model=OSS, include_reasoning=False) is None
    assert reasoning(model=QWEN, reasoning_format="parsed")
    assert reasoning(model=QWEN, reasoning_effort="none") is None


def test_json(client: Any) -> None:
    answer = client.chat.completions.create(model=OSS, messages=ask("The capital of Italy, Rome"), response_format=FORM)
    assert list(json.loads(answer.choices[0].message.content)) == ["city"]
    answer = client.chat.completions.create(
        model=QWEN, messages=ask("as json"), response_format={"type": "json_object"}
    )
    assert json.loads(answer.choices[0].message.content)


def module(client: Any) -> Any:
    return groq if isinstance(client, groq.Groq) else openai


@pytest.mark.parametrize(
    ("respond", "name"),
    [
        ("access_denied_403", "PermissionDeniedError"),
        ("cloudflare_403", "PermissionDeniedError"),
        ("unavailable_503", "InternalServerError"),
        ("bad_gateway_502", "InternalServerError"),
        ({"status": 422, "json": {"error": {"message": "m", "type": "t"}}}, "UnprocessableEntityError"),
    ],
)
def test_scripted_errors_become_the_right_exception(sim: Simulator, client: Any, respond: Any, name: str) -> None:
    sim.inject(respond=respond)
    with pytest.raises(getattr(module(client), name)):
        client.chat.completions.create(model=OSS, messages=ask("hi"))


@pytest.mark.parametrize(
    ("request_", "name", "code"),
    [
        ({"extra_body": {"store": True}}, "BadRequestError", None),
        ({"model": "llama-3.3-70b-versatile"}, "NotFoundError", "model_not_found"),
        ({"max_completion_tokens": 30_000}, "APIStatusError", "rate_limit_exceeded"),
        ({"extra_headers": {"Authorization": "Bearer gsk_wrong"}}, "AuthenticationError", "invalid_api_key"),
    ],
)
def test_own_errors_become_the_right_exception(client: Any, request_: dict[str, Any], name: str, code: str) -> None:
    with pytest.raises(getattr(module(client), name)) as raised:
        client.chat.completions.create(**({"model": OSS, "messages": ask("hi")} | request_))
    error = raised.value.response.json()["error"]
    assert error.get("code") == code
    assert (raised.value.status_code == 413) == (code == "rate_limit_exceeded")


def test_rate_limit_is_waited_for(sim: Simulator, client: Any) -> None:
    sim.reset({"models": {OSS: {"rpm": 1}}}, time_scale=100)
    client.chat.completions.create(model=OSS, messages=ask("hi"))
    with pytest.raises(module(client).RateLimitError) as raised:
        client.chat.completions.create(model=OSS, messages=ask("hi"))
    assert raised.value.response.headers["retry-after"] == "1"
    client.with_options(max_retries=2).chat.completions.create(model=OSS, messages=ask("hi"))
    assert [record.status for record in sim.requests][-1] == 200


def test_error_event_in_a_stream_is_raised(sim: Simulator, client: Any) -> None:
    sim.inject(after_chunks=3, then="error", error="tool_use_failed")
    with pytest.raises(module(client).APIError, match="Tool call validation failed"):
        list(client.chat.completions.create(model=OSS, messages=ask("hi"), stream=True))
    sim.inject(reset=True)
    with pytest.raises(module(client).APIConnectionError):
        client.chat.completions.create(model=OSS, messages=ask("hi"))
