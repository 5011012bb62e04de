"""What the tests of this room share: a fault server, a client over each transport, a ledger, a clock."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from groqdesk.core.messages import CallContext, ChatRequest, Message
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.transport import HttpClient
from tests.providers.fault_server import fault_server

KEY = "gsk_canary0123456789abcdef"


class ManualClock:
    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self.now = now_ms
        self.mono = 0.0

    def now_ms(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        self.mono += 0.25
        return self.mono


class Ledger:
    def __init__(self) -> None:
        self.records: list = []

    def add(self, record) -> None:
        self.records.append(record)


def ask(text: str = "hi", model: str = "openai/gpt-oss-20b", **more) -> ChatRequest:
    return ChatRequest(model, (Message("user", text),), CallContext("action"), **more)


async def collected(stream) -> list:
    async with aclosing(stream) as events:
        return [event async for event in events]


async def until_error(stream, kind) -> tuple[list, Exception]:
    """The events of a stream that must end in this very kind of error, and the error."""
    events: list = []

    async def run() -> None:
        async with aclosing(stream) as source:
            async for event in source:
                events.append(event)

    with pytest.raises(kind) as caught:
        await run()
    return events, caught.value


@pytest.fixture(params=["fast", "stock"])
def fast(request) -> bool:
    return request.param == "fast"


@pytest.fixture
async def server():
    async with fault_server() as made:
        yield made


@pytest.fixture
def timings() -> Timings:
    return Timings().divided(20)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def client(server, fast, timings, clock):
    secret = Secret(KEY)

    async def key() -> Secret:
        return secret

    made = GroqClient(
        key, HttpClient(timings, fast=fast, proxies={}), timings, clock, base_url=server.url + "/openai/v1"
    )
    yield made
    await made.aclose()


@pytest.fixture
def llm(client, timings) -> GroqLLMProvider:
    return GroqLLMProvider(client, timings)
