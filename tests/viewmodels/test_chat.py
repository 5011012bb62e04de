"""ChatViewModel on a plain loop: what a person does in the Playground, without a window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from groqdesk.core.conversations import Conversation
from groqdesk.core.errors import DiskFull, RateLimited, Truncated
from groqdesk.core.messages import ModelChoice, ReasoningDelta, TextDelta
from groqdesk.engine import InlineEngine
from groqdesk.services.catalog import CatalogService
from groqdesk.services.llm import LLMIntegrationService
from groqdesk.viewmodels.chat import ChatViewModel
from tests.fakes import (
    QUICK,
    FakeClock,
    FakeConversations,
    FakeLLM,
    FakeProviders,
    FakeUsageLog,
    Step,
    shipped_catalog,
)

CHOICE = ModelChoice("groq", "openai/gpt-oss-120b")


class Room:
    """A view-model with everything around it faked, and what its signals said."""

    def __init__(self, *scripts: list[Step]) -> None:
        self.fake = FakeLLM(*(scripts or [[TextDelta("Hello")]]))
        self.store, self.clock = FakeConversations(), FakeClock()
        providers = FakeProviders(self.fake)
        llm = LLMIntegrationService(providers, self.store, FakeUsageLog(), self.clock, QUICK)
        catalog = CatalogService(shipped_catalog(), providers)
        self.model = ChatViewModel(InlineEngine(), llm, self.store, catalog, self.clock)
        self.texts: list[str] = []
        self.model.text_arrived.connect(lambda _id, text: self.texts.append(text))
        self.model.start(CHOICE)

    async def settled(self) -> None:
        await self.model.scope.settled()

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            await asyncio.sleep(0.001)
        raise AssertionError("never happened")


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    one = Room()
    await one.settled()
    yield one
    await one.model.close()


async def test_sending_starts_a_conversation_and_shows_the_answer(room: Room) -> None:
    room.model.set_draft("Explain leaky buckets")
    room.model.send("Explain leaky buckets")
    assert room.model.state.draft == ""
    await room.settled()
    state = room.model.state
    assert [(t.role, t.content) for t in state.turns] == [("user", "Explain leaky buckets"), ("assistant", "Hello")]
    assert "".join(room.texts) == "Hello"
    assert state.current is not None
    assert state.current.title == "Explain leaky buckets"
    assert [c.id for c in state.conversations] == [state.current.id]
    assert not state.busy


async def test_stop_keeps_what_arrived_and_closes_the_call() -> None:
    room = Room([TextDelta("half of it"), asyncio.Event()])
    await room.settled()
    room.model.send("go")
    await room.until(lambda: bool(room.texts))
    room.model.stop()
    await room.settled()
    answer = room.model.state.turns[-1]
    assert (answer.content, answer.state) == ("half of it", "interrupted")
    assert room.fake.closed == 1
    assert not room.model.state.busy
    await room.model.close()


async def test_enter_while_streaming_queues_and_sends_afterwards() -> None:
    gate = asyncio.Event()
    room = Room([TextDelta("one"), gate], [TextDelta("two")])
    await room.settled()
    room.model.send("first")
    await room.until(lambda: bool(room.texts))
    room.model.send("second")
    assert room.model.state.queued == "second"
    gate.set()
    await room.settled()
    assert [t.content for t in room.model.state.turns] == ["first", "one", "second", "two"]
    await room.model.close()


async def test_stop_brings_a_queued_message_back_to_the_composer() -> None:
    room = Room([TextDelta("one"), asyncio.Event()])
    await room.settled()
    room.model.send("first")
    await room.until(lambda: bool(room.texts))
    room.model.send("second")
    room.model.stop()
    await room.settled()
    assert room.model.state.draft == "second"
    assert room.model.state.queued == ""
    assert len(room.fake.requests) == 1
    await room.model.close()


async def test_an_error_becomes_a_card_under_the_answer() -> None:
    room = Room([RateLimited("Fits in 7 s. Needs 5.1K tokens, 3.9K are left.", retry_at_ms=1)])
    await room.settled()
    room.model.send("hi")
    await room.settled()
    trouble = room.model.state.turns[-1].trouble
    assert trouble is not None
    assert trouble.message == "Fits in 7 s. Needs 5.1K tokens, 3.9K are left."
    assert trouble.retry_at_ms == 1
    await room.model.close()


async def test_a_question_that_could_not_be_stored_returns_to_the_composer(room: Room) -> None:
    room.store.fail["begin_turn"] = DiskFull("The disk is full. Nothing was lost.")
    room.model.send("precious words")
    await room.settled()
    assert room.model.state.draft == "precious words"
    assert room.model.state.notice is not None
    assert room.model.state.notice.text.startswith("The disk is full")
    assert not room.model.state.busy


async def test_a_conversation_that_could_not_be_made_returns_the_question_too(room: Room) -> None:
    room.store.fail["create"] = DiskFull("The disk is full. Nothing was lost.")
    room.model.send("precious words")
    await room.settled()
    assert room.model.state.draft == "precious words"
    assert not room.model.state.busy


async def test_regenerate_replaces_the_answer_and_keeps_the_question() -> None:
    room = Room([TextDelta("old")], [TextDelta("new")])
    await room.settled()
    room.model.send("q")
    await room.settled()
    room.model.regenerate()
    await room.settled()
    assert [t.content for t in room.model.state.turns] == ["q", "new"]
    assert [t.state for t in room.store.texts.values() if t.content == "old"] == ["replaced"]
    await room.model.close()


async def test_a_broken_answer_can_be_continued() -> None:
    room = Room([TextDelta("half"), Truncated("The connection broke off.")], [TextDelta("rest")])
    await room.settled()
    room.model.send("q")
    await room.settled()
    room.model.go_on()
    await room.settled()
    sent = room.fake.requests[1].messages
    assert [m.content for m in sent][:2] == ["q", "half"]
    assert room.model.state.turns[-1].content == "rest"
    await room.model.close()


async def test_each_conversation_keeps_its_draft_model_and_parameters(room: Room) -> None:
    room.model.send("one")
    await room.settled()
    first = room.model.state.current
    assert first is not None
    room.model.set_parameter("temperature", 0.3)
    room.model.choose_model(ModelChoice("groq", "openai/gpt-oss-20b"))
    room.model.set_draft("unsent")
    await room.settled()
    room.model.new_chat()
    await room.settled()
    assert room.model.state.draft == ""
    room.model.send("two")
    await room.settled()
    room.model.open(first.id)
    await room.settled()
    state = room.model.state
    assert state.draft == "unsent"
    assert state.choice.model == "openai/gpt-oss-20b"
    assert state.values == {"temperature": 0.3}


async def test_opening_another_chat_stops_the_running_answer() -> None:
    room = Room([TextDelta("one")], [TextDelta("two"), asyncio.Event()])
    await room.settled()
    room.model.send("first")
    await room.settled()
    first = room.model.state.current
    room.model.new_chat()
    await room.settled()
    room.model.send("second")
    await room.until(lambda: "two" in room.texts)
    assert first is not None
    room.model.open(first.id)
    await room.settled()
    assert [t.content for t in room.model.state.turns] == ["first", "one"]
    assert [m.state for m in room.store.texts.values() if m.content == "two"] == ["interrupted"]
    await room.model.close()


async def test_only_differences_from_the_default_are_kept(room: Room) -> None:
    room.model.set_parameter("temperature", 1.0)
    assert dict(room.model.state.values) == {}
    room.model.set_parameter("temperature", 0.2)
    room.model.set_parameter("temperature", None)
    assert dict(room.model.state.values) == {}


async def test_a_wrong_parameter_is_not_sent_but_told_with_its_fix(room: Room) -> None:
    room.model.set_parameter("max_completion_tokens", 131_072)
    room.model.send("hi")
    await room.settled()
    assert room.fake.requests == []
    notice = room.model.state.notice
    assert notice is not None
    assert notice.text == "gpt-oss-120b writes at most 65,536 tokens."
    assert notice.action == "Use 65,536"


async def test_deleting_can_be_undone(room: Room) -> None:
    room.model.send("one")
    await room.settled()
    current = room.model.state.current
    assert current is not None
    room.model.delete(current.id)
    await room.settled()
    assert room.model.state.conversations == ()
    assert room.model.state.undo_delete == current
    room.model.undo_delete()
    await room.settled()
    assert [c.id for c in room.model.state.conversations] == [current.id]


async def test_renaming_pinning_and_searching(room: Room) -> None:
    room.model.send("one")
    await room.settled()
    current = room.model.state.current
    assert current is not None
    room.model.rename(current.id, "  Retry   budget ")
    room.model.pin(current.id, True)
    await room.settled()
    assert room.model.state.conversations[0].title == "Retry budget"
    assert room.model.state.conversations[0].pinned
    room.model.search("nothing like it")
    await room.settled()
    assert room.model.state.conversations == ()


async def test_reasoning_arrives_apart_from_the_text() -> None:
    room = Room([ReasoningDelta("hmm"), TextDelta("so")])
    heard: list[str] = []
    room.model.reasoning_arrived.connect(lambda _id, text: heard.append(text))
    await room.settled()
    room.model.send("q")
    await room.settled()
    assert heard == ["hmm"]
    assert room.model.state.turns[-1].reasoning == "hmm"
    await room.model.close()


async def test_the_estimate_follows_the_draft_and_the_worst_case_the_model(room: Room) -> None:
    room.model.set_draft("a" * 400)
    long = room.model.state.estimate_tokens
    room.model.set_draft("short")
    assert room.model.state.estimate_tokens < long
    assert room.model.state.worst_cost_nano_usd is not None
    room.model.choose_model(ModelChoice("groq", "some-new-model"))
    assert room.model.state.worst_cost_nano_usd is None


async def test_another_process_that_wrote_is_seen(room: Room) -> None:
    await room.store.create(Conversation("other", "From the command line", CHOICE, 5, 5))
    room.model.refresh()
    await room.settled()
    assert [c.title for c in room.model.state.conversations] == ["From the command line"]


async def test_empty_messages_are_not_sent(room: Room) -> None:
    room.model.send("  \n ")
    await room.settled()
    assert room.fake.requests == []


async def test_a_question_stopped_before_its_first_step_returns_to_the_composer(room: Room) -> None:
    room.model.send("precious words")
    room.model.stop()
    await room.settled()
    assert room.model.state.draft == "precious words"
    assert room.fake.requests == []


async def test_two_sends_in_one_breath_are_one_question_and_one_in_the_queue() -> None:
    room = Room([TextDelta("one")], [TextDelta("two")])
    await room.settled()
    room.model.send("first")
    room.model.send("second")
    await room.settled()
    assert [t.content for t in room.model.state.turns] == ["first", "one", "second", "two"]
    room.model.regenerate()
    room.model.regenerate()
    await room.settled()
    assert len(room.fake.requests) == 3
    assert [t.role for t in room.model.state.turns] == ["user", "assistant"] * 2
    await room.model.close()


async def test_parameters_that_the_model_does_not_take_stay_stored(room: Room) -> None:
    room.model.set_parameter("reasoning_effort", "high")
    room.model.choose_model(ModelChoice("groq", "llama-3.3-70b-versatile"))
    room.model.send("hi")
    await room.settled()
    current = room.model.state.current
    assert current is not None
    assert (await room.store.get(current.id)).parameters == {"reasoning_effort": "high"}  # type: ignore[union-attr]
    assert room.model.state.dropped == ("reasoning_effort",)
