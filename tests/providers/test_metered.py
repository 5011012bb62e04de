"""One record an attempt, whatever becomes of it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from groqdesk.core.errors import (
    BadResponse,
    ConnectionFailed,
    InvalidKey,
    KeyringProblem,
    NoKey,
    RateLimited,
    TimedOut,
    Truncated,
)
from groqdesk.core.messages import CallContext, ChatRequest, Finished, Message, TextDelta
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.core.tokens import estimate, estimate_messages
from groqdesk.core.usage import TokenPrice
from groqdesk.providers.cassettes import Cassette, CassetteMiss, Player
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.metered import Metered
from groqdesk.providers.transport import HttpClient
from tests.providers.conftest import Ledger, ManualClock, ask, collected, until_error
from tests.providers.fault_server import DONE, END, chunk

PRICE = TokenPrice(150_000_000, 600_000_000, 75_000_000)
CONTEXT = CallContext("action", "message", "conversation", "agent")
REQUEST = ChatRequest("openai/gpt-oss-20b", (Message("user", "How deep is the sea?"),), CONTEXT)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def metered(llm, ledger) -> Metered:
    return Metered(llm, ledger, lambda provider, model: PRICE if provider == "groq" else None, ManualClock())


async def test_a_streamed_answer(server, metered, ledger):
    server.script(lambda x: x.stream(chunk("Deep."), END))
    await collected(metered.generate_streaming_response(REQUEST))
    (record,) = ledger.records
    assert (record.provider, record.model, record.capability, record.outcome) == ("groq", REQUEST.model, "llm", "ok")
    assert (record.usage.prompt_tokens, record.usage.completion_tokens, record.usage.estimated) == (10, 2, False)
    assert record.cost_nano_usd == 10 * 150 + 2 * 600
    assert (record.action_id, record.message_id, record.conversation_id, record.agent_id) == (
        "action", "message", "conversation", "agent",
    )  # fmt: skip
    assert record.request_id == "req_1"
    assert 0 < record.ttft_s < record.total_s
    assert record.error_kind is None


async def test_a_whole_answer(server, metered, ledger):
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    server.script(
        lambda x: x.json(200, {"choices": [{"message": {"content": "Deep."}}], "usage": usage}, "x-request-id: r")
    )
    answer = await metered.generate_response(REQUEST)
    (record,) = ledger.records
    assert record.usage == answer.usage
    assert record.cost_nano_usd == 6 * 150 + 4 * 75 + 2 * 600
    assert (record.request_id, record.ttft_s) == ("r", None)


async def test_a_server_that_reports_nothing_is_estimated(server, metered, ledger):
    server.script(
        lambda x: x.stream(chunk("Very deep."), chunk(finish="stop"), DONE),
        lambda x: x.json(200, {"choices": [{"message": {"content": "Very deep."}}]}),
    )
    events = await collected(metered.generate_streaming_response(REQUEST))
    end = events[-1]
    assert isinstance(end, Finished)
    answer = await metered.generate_response(REQUEST)
    for usage in (end.usage, answer.usage, *(record.usage for record in ledger.records)):
        assert usage.estimated
        assert usage.prompt_tokens == estimate_messages(REQUEST.messages)
        assert usage.completion_tokens == estimate("Very deep.")
    assert len(ledger.records) == 2


async def test_a_refusal_costs_nothing(server, metered, ledger):
    server.script(lambda x: x.json(401, {"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}))
    await until_error(metered.generate_streaming_response(REQUEST), InvalidKey)
    with pytest.raises(InvalidKey):
        await metered.generate_response(REQUEST)
    for record in ledger.records:
        assert (record.outcome, record.error_kind, record.status) == ("failed", "invalid_key", 401)
        assert (record.usage.total_tokens, record.cost_nano_usd) == (0, 0)
    assert len(ledger.records) == 2


async def test_every_attempt_has_a_record_of_its_own(server, metered, ledger):
    server.script(
        lambda x: x.json(429, {"error": {"message": "slow"}}, "retry-after: 1"), lambda x: x.stream(chunk("a"), END)
    )
    await until_error(metered.generate_streaming_response(REQUEST), RateLimited)
    await collected(metered.generate_streaming_response(REQUEST))
    assert [record.outcome for record in ledger.records] == ["failed", "ok"]
    assert len({record.id for record in ledger.records}) == 2


async def test_what_breaks_off_is_estimated_from_what_came(server, metered, ledger):
    server.script(lambda x: x.stream(chunk("Very deep")))
    await until_error(metered.generate_streaming_response(REQUEST), Truncated)
    (record,) = ledger.records
    assert (record.outcome, record.error_kind) == ("failed", "truncated")
    assert record.usage.estimated
    assert record.usage.completion_tokens == estimate("Very deep")
    assert record.cost_nano_usd > 0


async def test_stop_is_recorded_as_cancelled_and_not_as_failed(server, metered, ledger):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        await x.piece(chunk("Very deep"))
        await asyncio.sleep(60)

    server.script(answer)
    async with aclosing(metered.generate_streaming_response(REQUEST)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    (record,) = ledger.records
    assert (record.outcome, record.error_kind, record.usage.estimated) == ("cancelled", None, True)
    assert record.usage.completion_tokens == estimate("Very deep")
    assert record.usage.prompt_tokens > 0


async def test_a_cancelled_task(server, metered, ledger):
    server.script(lambda _: asyncio.sleep(60))
    for call in (metered.generate_response(REQUEST), collected(metered.generate_streaming_response(REQUEST))):
        server.seen.clear()
        task = asyncio.get_running_loop().create_task(call)
        while not server.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [(r.outcome, r.usage.completion_tokens) for r in ledger.records] == [("cancelled", 0), ("cancelled", 0)]


async def test_leaving_after_the_end_stays_ok(server, metered, ledger):
    server.script(lambda x: x.stream(chunk("a"), END))
    async with aclosing(metered.generate_streaming_response(REQUEST)) as events:
        async for event in events:
            if isinstance(event, Finished):
                break
    assert [record.outcome for record in ledger.records] == ["ok"]


async def test_a_connection_that_never_stood_is_an_attempt(metered, ledger, fast):
    async def key() -> Secret:
        return Secret("gsk_none")

    client = GroqClient(
        key, HttpClient(Timings(), fast=fast, proxies={}), Timings(), ManualClock(), base_url="http://127.0.0.1:1/v1"
    )
    refused = Metered(GroqLLMProvider(client, Timings()), ledger, lambda _p, _m: PRICE, ManualClock())
    await until_error(refused.generate_streaming_response(ask()), ConnectionFailed)
    with pytest.raises(ConnectionFailed):
        await refused.generate_response(ask())
    assert [(r.outcome, r.usage.total_tokens, r.cost_nano_usd) for r in ledger.records] == [("failed", 0, 0)] * 2
    await client.aclose()


async def test_without_a_key_nothing_is_recorded(ledger, fast):
    async def key() -> Secret:
        raise NoKey("No key for Groq is stored.", sent=False)

    client = GroqClient(key, HttpClient(Timings(), fast=fast), Timings(), ManualClock())
    keyless = Metered(GroqLLMProvider(client, Timings()), ledger, lambda _p, _m: PRICE, ManualClock())
    events, _ = await until_error(keyless.generate_streaming_response(ask()), NoKey)
    assert events == []
    with pytest.raises(NoKey):
        await keyless.generate_response(ask())
    assert ledger.records == []


async def test_an_unknown_price_stays_unknown(server, llm, ledger):
    server.script(lambda x: x.stream(chunk("a"), END))
    metered = Metered(llm, ledger, lambda _p, _m: None, ManualClock())
    assert metered.name == "groq"
    await collected(metered.generate_streaming_response(REQUEST))
    assert ledger.records[0].cost_nano_usd is None


async def test_what_this_machine_lacks_leaves_no_record(ledger, fast):
    """A request that no recording fits, a keyring that is locked: nothing was sent."""

    async def key() -> Secret:
        return Secret("gsk_none")

    async def locked() -> Secret:
        raise KeyringProblem("The keyring is locked, so no key can be read.")

    player = Player(Cassette())
    for key_of, kind in ((key, CassetteMiss), (locked, KeyringProblem)):
        http = HttpClient(Timings(), fast=fast, wrap=lambda _: player, proxies={})
        client = GroqClient(key_of, http, Timings(), ManualClock())
        metered = Metered(GroqLLMProvider(client, Timings()), ledger, lambda _p, _m: PRICE, ManualClock())
        await until_error(metered.generate_streaming_response(ask()), kind)
        with pytest.raises(kind):
            await metered.generate_response(ask())
        await client.aclose()
    assert ledger.records == []


@pytest.mark.parametrize("ending", ["cut", "silent"])
async def test_a_stream_that_breaks_off_before_its_first_text_has_read_the_prompt(server, metered, ledger, ending):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        if ending == "silent":
            await asyncio.sleep(60)
        await x.end()

    server.script(answer)
    await until_error(metered.generate_streaming_response(REQUEST), Truncated if ending == "cut" else TimedOut)
    (record,) = ledger.records
    assert (record.outcome, record.status, record.ttft_s) == ("failed", 200, None)
    assert (record.usage.prompt_tokens, record.usage.completion_tokens) == (estimate_messages(REQUEST.messages), 0)
    assert record.usage.estimated
    assert record.cost_nano_usd == record.usage.prompt_tokens * 150


async def test_a_page_of_the_network_has_read_no_prompt(server, metered, ledger):
    server.script(lambda x: x.whole(200, b"<html>Sign in</html>"))
    await until_error(metered.generate_streaming_response(REQUEST), BadResponse)
    assert (ledger.records[0].usage.total_tokens, ledger.records[0].cost_nano_usd) == (0, 0)
