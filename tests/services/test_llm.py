"""LLMIntegrationService: one end, usage once, the conversation kept whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from groqdesk.core.conversations import Conversation
from groqdesk.core.errors import InvalidKey, KeyringProblem, Truncated
from groqdesk.core.messages import (
    CallContext,
    ChatEvent,
    Failed,
    Finished,
    Interrupted,
    Message,
    ModelChoice,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolAnswered,
    ToolCall,
    ToolCallRequested,
    ToolResult,
    ToolSpec,
    UsageReported,
)
from groqdesk.services.functions import FunctionRegistry, MockedTool
from groqdesk.services.llm import MAX_ROUNDS, LLMIntegrationService, Run, title_of
from tests.fakes import QUICK, FakeClock, FakeConversations, FakeLLM, FakeProviders, FakeUsageLog, Step

CHOICE = ModelChoice("fake", "m")
RUN = Run(CHOICE, (Message("user", "hi"),), CallContext("action"))
TALK = Conversation("c1", "Talk", CHOICE, 0, 0)


class House:
    """A service with everything around it faked."""

    def __init__(self, *scripts: list[Step]) -> None:
        self.model = FakeLLM(*scripts)
        self.store = FakeConversations()
        self.store.rows[TALK.id] = TALK
        self.usage = FakeUsageLog()
        self.llm = LLMIntegrationService(FakeProviders(self.model), self.store, self.usage, FakeClock(), QUICK)

    async def ask(self, question: str | None = "hi") -> list[ChatEvent]:
        async with aclosing(self.llm.converse(TALK, question)) as events:
            return [event async for event in events]


async def test_an_answer_ends_once_with_its_usage_before() -> None:
    house = House([ReasoningDelta("hm"), TextDelta("Hel"), TextDelta("lo")])
    async with aclosing(house.llm.run(RUN)) as events:
        got = [event async for event in events]
    assert got[0] == Started("fake", "m")
    assert [e.text for e in got if isinstance(e, TextDelta)] == ["Hel", "lo"]
    assert isinstance(got[-2], UsageReported)
    assert isinstance(got[-1], Finished)
    assert len([e for e in got if isinstance(e, Finished | Interrupted | Failed)]) == 1


async def test_an_error_before_text_is_a_failure_and_after_text_an_interruption() -> None:
    house = House([InvalidKey("The key for Groq was refused.")])
    assert isinstance((await house.ask())[-1], Failed)
    house = House([TextDelta("half"), Truncated("The connection broke off.")])
    end = (await house.ask())[-1]
    assert isinstance(end, Interrupted)
    assert end.kept_characters == 4
    answer = house.store.texts[next(k for k, m in house.store.texts.items() if m.role == "assistant")]
    assert (answer.content, answer.state) == ("half", "interrupted")
    assert answer.trouble is not None
    assert answer.trouble.action == "Continue"


async def test_the_question_is_stored_before_the_model_is_asked() -> None:
    house = House([TextDelta("x")])
    house.store.fail["begin_turn"] = OSError("disk full")
    with pytest.raises(OSError, match="disk full"):
        await house.ask()
    assert house.model.requests == []


async def test_text_reaches_the_disk_while_the_answer_is_silent() -> None:
    silence = asyncio.Event()
    house = House([TextDelta("first words"), silence])
    async with aclosing(house.llm.converse(TALK, "hi")) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
        waiting = asyncio.ensure_future(anext(events))
        for _ in range(200):
            await asyncio.sleep(0.005)
            if "save_streamed" in house.store.log:
                break
        answer = next(m for m in house.store.texts.values() if m.role == "assistant")
        assert (answer.content, answer.state) == ("first words", "streaming")
        silence.set()
        await waiting


async def test_leaving_in_the_middle_stops_the_call_and_keeps_the_text() -> None:
    house = House([TextDelta("kept"), asyncio.Event()])
    async with aclosing(house.llm.converse(TALK, "hi")) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    assert house.model.closed == 1
    answer = next(m for m in house.store.texts.values() if m.role == "assistant")
    assert (answer.content, answer.state) == ("kept", "interrupted")
    assert answer.trouble is not None
    assert answer.trouble.kind == "cancelled"
    assert answer.facts is not None
    assert answer.facts.prompt_tokens == 10


async def test_a_cancelled_task_keeps_the_text_too() -> None:
    house = House([TextDelta("kept"), asyncio.Event()])
    seen = asyncio.Event()

    async def watch() -> None:
        async with aclosing(house.llm.converse(TALK, "hi")) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    seen.set()

    task = asyncio.ensure_future(watch())
    await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer = next(m for m in house.store.texts.values() if m.role == "assistant")
    assert (answer.content, answer.state) == ("kept", "interrupted")


async def test_a_problem_of_this_machine_is_kept_with_the_answer_and_raised() -> None:
    house = House([KeyringProblem("The keyring is locked, so no key can be read.")])
    with pytest.raises(KeyringProblem):
        await house.ask()
    answer = next(m for m in house.store.texts.values() if m.role == "assistant")
    assert answer.state == "failed"
    assert answer.trouble is not None
    assert (answer.trouble.kind, answer.trouble.action) == ("local", "Unlock")


async def test_failed_and_replaced_answers_are_not_sent_back() -> None:
    house = House([InvalidKey("no")], [TextDelta("yes")])
    await house.ask("one")
    await house.ask("two")
    assert [(m.role, m.content) for m in house.model.requests[1].messages] == [("user", "one"), ("user", "two")]


async def test_regenerating_asks_with_the_same_question() -> None:
    house = House([TextDelta("old")], [TextDelta("new")])
    await house.ask("one")
    await house.store.replace_from(TALK.id, 1)
    await house.ask(None)
    assert [(m.role, m.content) for m in house.model.requests[1].messages] == [("user", "one")]
    assert [m.content for m in await house.store.messages(TALK.id) if m.state != "replaced"] == ["one", "new"]


async def _drained(source: AsyncGenerator[ChatEvent, None]) -> None:
    async with aclosing(source) as events:
        async for _ in events:
            pass


CALL = ToolCall("call_1", "weather", '{"city": "Oslo"}')
TOOL = MockedTool(ToolSpec("weather", "The weather", {"type": "object"}), '{"degrees": 3}')


async def test_a_tool_call_is_answered_and_sent_back() -> None:
    house = House([ToolCallRequested(CALL), Finished("tool_calls", "fake", "m")], [TextDelta("3 degrees")])
    async with aclosing(house.llm.run(RUN, FunctionRegistry([TOOL]))) as events:
        got = [event async for event in events]
    assert [type(e) for e in got] == [Started, ToolCallRequested, ToolAnswered, TextDelta, UsageReported, Finished]
    assert house.model.requests[1].messages[-2:] == (
        Message("assistant", "", (CALL,)),
        Message("tool", '{"degrees": 3}', tool_call_id="call_1"),
    )
    report = next(e for e in got if isinstance(e, UsageReported))
    assert report.usage.prompt_tokens == 20
    assert report.cost_nano_usd == 9000


async def test_a_model_that_calls_for_ever_is_stopped() -> None:
    house = House([ToolCallRequested(CALL), Finished("tool_calls", "fake", "m")])
    async with aclosing(house.llm.run(RUN, FunctionRegistry([TOOL]))) as events:
        got = [event async for event in events]
    assert len(house.model.requests) == MAX_ROUNDS
    assert len([e for e in got if isinstance(e, ToolAnswered)]) == MAX_ROUNDS - 1
    assert isinstance(got[-1], Failed)
    assert got[-1].error.kind == "tool_call_invalid"


async def test_a_bug_in_a_tool_is_not_called_a_stop() -> None:
    class Broken(FunctionRegistry):
        async def run(self, call: ToolCall) -> ToolResult:
            raise ZeroDivisionError

    house = House([ToolCallRequested(CALL), Finished("tool_calls", "fake", "m")])
    source = house.llm.converse(TALK, "hi", Broken([TOOL]))
    with pytest.raises(ZeroDivisionError):
        await _drained(source)
    answer = next(m for m in house.store.texts.values() if m.role == "assistant")
    assert answer.state == "failed"
    assert answer.trouble is not None
    assert answer.trouble.kind == "local"


async def test_a_tool_with_broken_arguments_is_not_run_and_the_model_is_told() -> None:
    broken = ToolCall("call_1", "weather", '{"city": ')
    result = await FunctionRegistry([TOOL]).run(broken)
    assert result.failed
    assert "not a JSON object" in result.text
    unknown = await FunctionRegistry([TOOL]).run(ToolCall("c", "rm", "{}"))
    assert unknown.failed


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"type": "function", "function": {"name": "a b"}, "result": 1}',
        '{"type": "function", "function": {"name": "a"}}',
        '{"type": "function", "function": {"name": "a"}, "result": 1, "error": 2}',
        '{"type": "function", "function": {"name": "a", "parameters": 3}, "result": 1}',
        '{"type": "function", "function": {"name": "a"}, "result": 1, "delay_s": -1}',
    ],
)
def test_a_tool_file_that_does_not_fit_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\."):
        MockedTool.parse(text)


def test_titles_are_the_first_line_cut_at_a_word() -> None:
    assert title_of("\n  Hello there\nmore") == "Hello there"
    assert title_of("   ") == "New chat"
    long = title_of("word " * 40)
    assert long.endswith("…")
    assert len(long) <= 61
