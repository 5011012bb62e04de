"""What the tests of transport, streams and connections share: short times, a model at an address, failures caught."""

from __future__ import annotations

import socket
import traceback

import pytest

from groqdesk.core.errors import (
    ProviderError,
)
from groqdesk.core.messages import TextDelta
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.transport import HttpClient
from tests.providers.conftest import KEY, ManualClock, ask, until_error

QUICK = Timings(connect_s=1, first_byte_s=0.4, between_events_s=0.3, write_s=0.3, total_s=5, drain_s=0.2, key_test_s=2)


@pytest.fixture
def timings() -> Timings:
    return QUICK


def text_of(events: list) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


async def failure(llm, kind=ProviderError) -> tuple[list, ProviderError]:
    """The events and error of a streamed call; the key is nowhere in the error."""
    events, error = await until_error(llm.generate_streaming_response(ask()), kind)
    shown = "".join(traceback.format_exception(error))
    link, chain = error, []
    while link is not None:
        chain.append(repr(link) + str(getattr(link, "__dict__", "")))
        link = link.__cause__ or link.__context__
    assert KEY not in shown
    assert KEY not in "".join(chain)
    assert (error.provider, error.model) == ("groq", ask().model)
    return events, error


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def llm_at(
    url: str, fast: bool, timings: Timings = QUICK, proxies: dict | None = None
) -> tuple[GroqLLMProvider, GroqClient]:
    secret = Secret(KEY)

    async def key() -> Secret:
        return secret

    http = HttpClient(timings, fast=fast, proxies=proxies or {})
    client = GroqClient(key, http, timings, ManualClock(), base_url=url)
    return GroqLLMProvider(client, timings), client
