"""LLMIntegrationService: history, streaming, tool rounds; the middle of the way from a keystroke to an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from groqdesk.core.conversations import AnswerFacts, Conversation, MessageState, StoredMessage, Trouble
from groqdesk.core.errors import Cancelled, GroqdeskError, LocalProblem, ProviderError, ToolCallInvalid, VendorError
from groqdesk.core.ids import new_id
from groqdesk.core.messages import (
    CallContext,
    ChatEvent,
    ChatRequest,
    Failed,
    Finished,
    Interrupted,
    Message,
    ModelChoice,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolAnswered,
    ToolCallRequested,
    UsageReported,
)
from groqdesk.core.ports import Clock, ConversationStore, ProviderSource, ToolSource, UsageLog
from groqdesk.core.settings import Timings
from groqdesk.core.tasks import TaskScope
from groqdesk.core.usage import ProviderUsage, TokenUsage

log = logging.getLogger(__name__)
MAX_ROUNDS = 10
TITLE_MAX = 60
MESSAGE_MAX_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One question to one model, without storage. `parameters` are sparse names of `core.parameters`."""

    choice: ModelChoice
    messages: tuple[Message, ...]
    context: CallContext
    parameters: Mapping[str, object] = field(default_factory=dict)


class RunLedger:
    """Hands every usage record on and keeps a copy, so that a run can say what it took."""

    def __init__(self, usage: UsageLog) -> None:
        self._usage = usage
        self.records: list[ProviderUsage] = []

    def add(self, record: ProviderUsage) -> None:
        self.records.append(record)
        self._usage.add(record)

    def summed(self) -> UsageReported | None:
        """All attempts of the run in one; None if nothing was sent. The cost is None as soon as one cost is unknown."""
        if not self.records:
            return None
        usage = self.records[0].usage
        for record in self.records[1:]:
            usage = usage.plus(record.usage)
        costs = [record.cost_nano_usd for record in self.records]
        known = [cost for cost in costs if cost is not None]
        first = next((record.ttft_s for record in self.records if record.ttft_s is not None), None)
        total_s = sum(record.total_s for record in self.records)
        return UsageReported(usage, sum(known) if len(known) == len(costs) else None, first, total_s)


class LLMIntegrationService:
    """Runs questions through the chosen provider and keeps the conversation.

    Both ways end in exactly one of `Finished`, `Interrupted`, `Failed`; `UsageReported` comes at most once before it.
    Use inside `contextlib.aclosing`: leaving it stops the call and stores what had arrived.
    """

    def __init__(
        self,
        providers: ProviderSource,
        conversations: ConversationStore,
        usage: UsageLog,
        clock: Clock,
        timings: Timings,
    ) -> None:
        self._providers = providers
        self._conversations = conversations
        self._usage = usage
        self._clock = clock
        self._timings = timings
        self._unsaved: dict[str, StoredMessage] = {}

    async def keep_unsaved(self) -> None:
        """Stores the answers whose end found no room on the disk. It is tried before each question and at the end."""
        for message in tuple(self._unsaved.values()):
            await self._conversations.finish(message)
            self._unsaved.pop(message.id, None)

    def ledger(self) -> RunLedger:
        """A ledger for one run, for a caller that wants to know what a stopped run took."""
        return RunLedger(self._usage)

    async def run(
        self, run: Run, tools: ToolSource | None = None, ledger: RunLedger | None = None
    ) -> AsyncGenerator[ChatEvent, None]:
        """Streams an answer without storing it; tool calls are answered and sent back, ten rounds at most."""
        ledger = ledger or self.ledger()
        messages = run.messages
        characters = 0
        try:
            provider = self._providers.llm(run.choice, ledger)
            for number in range(MAX_ROUNDS):
                text, calls, end = [], [], None
                request = ChatRequest(
                    run.choice.model, messages, run.context, run.parameters, tuple(tools.specs()) if tools else ()
                )
                async with aclosing(provider.generate_streaming_response(request)) as events:
                    async for event in events:
                        match event:
                            case TextDelta():
                                characters += len(event.text)
                                text.append(event.text)
                                yield event
                            case ToolCallRequested():
                                calls.append(event.call)
                                yield event
                            case Finished():
                                end = event
                            case Started() if number:
                                pass
                            case _:
                                yield event
                if tools is None or not calls or end is None:
                    break
                if number == MAX_ROUNDS - 1:  # nobody would read what the tools answer now
                    raise ToolCallInvalid(
                        f"The model kept calling tools. It was stopped after {MAX_ROUNDS} rounds.",
                        provider=end.provider,
                        model=end.model,
                    )
                messages = (*messages, Message("assistant", "".join(text), tuple(calls)))
                for call in calls:
                    result = await tools.run(call)
                    yield ToolAnswered(result)
                    messages = (*messages, Message("tool", result.text, tool_call_id=call.id))
            if (total := ledger.summed()) is not None:
                yield total
            if end is not None:  # always so: a provider ends in Finished or raises
                yield end
        except ProviderError as error:
            if (total := ledger.summed()) is not None and (error.sent or total.usage.total_tokens):
                yield total
            yield Interrupted(error, characters) if characters else Failed(error)

    async def converse(
        self,
        conversation: Conversation,
        question: str | None,
        tools: ToolSource | None = None,
        ledger: RunLedger | None = None,
    ) -> AsyncGenerator[ChatEvent, None]:
        """Asks `question` in a stored conversation; None asks for an answer to what already stands there.

        The question and an empty answer are on disk before the request leaves, the answer's text at least every
        `Timings.save_streamed_s` while it streams, the end with its usage in one transaction.
        """
        with suppress(LocalProblem):
            await self.keep_unsaved()
        stored = await self._conversations.messages(conversation.id)
        position = stored[-1].position + 1 if stored else 0
        now = self._clock.now_ms()
        asked: StoredMessage | None = None
        if question is not None:
            asked = StoredMessage(new_id(), conversation.id, position, "user", question, "done", now)
            stored, position = (*stored, asked), position + 1
        answer = StoredMessage(
            new_id(), conversation.id, position, "assistant", "", "streaming", now, facts=_facts(conversation.choice)
        )
        await self._conversations.begin_turn(asked, answer)
        context = CallContext(new_id(), answer.id, conversation.id, conversation.agent_id)
        run = Run(conversation.choice, history(conversation, stored), context, conversation.parameters)
        keeper = _Keeper(self._conversations, answer, self._clock, self._timings.save_streamed_s, self._unsaved)
        ledger = ledger or self.ledger()
        try:
            async with aclosing(self.run(run, tools, ledger)) as events:
                async for event in events:
                    keeper.note(event)
                    if isinstance(event, Finished | Interrupted | Failed):
                        await keeper.end()
                    elif isinstance(event, ToolCallRequested | ToolAnswered):
                        await keeper.save()
                    yield event
        except GroqdeskError as problem:  # keyring, disk, recording: the answer says so, and so does whoever asked
            if not keeper.ended:
                keeper.note_problem(problem)
                await keeper.end()
            raise
        except Exception:
            keeper.note_problem(
                LocalProblem("Something went wrong here. What had arrived is saved.", action="Show log")
            )
            await keeper.end()
            raise
        finally:
            if not keeper.ended:
                keeper.note_stop(ledger.summed())
                await asyncio.shield(keeper.end())


class _Keeper:
    """Keeps one streaming answer on disk, at least every `every_s` seconds while text arrives."""

    def __init__(
        self,
        store: ConversationStore,
        answer: StoredMessage,
        clock: Clock,
        every_s: float,
        unsaved: dict[str, StoredMessage],
    ) -> None:
        self._store = store
        self._unsaved = unsaved
        self._answer = answer
        self._clock = clock
        self._every_s = every_s
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._dirty = False
        self._began_s = clock.monotonic_s()
        self._thought_from_s: float | None = None
        self._scope = TaskScope()
        self._scope.start(self._save_often(), "save streamed text")
        self.ended = False

    def note(self, event: ChatEvent) -> None:
        answer = self._answer
        facts = answer.facts or AnswerFacts()
        match event:
            case TextDelta():
                if self._thought_from_s is not None:
                    seconds = self._clock.monotonic_s() - self._thought_from_s
                    facts, self._thought_from_s = replace(facts, reasoning_s=seconds), None
                self._text.append(event.text)
                self._dirty = True
            case ReasoningDelta():
                if self._thought_from_s is None and not self._text:
                    self._thought_from_s = self._clock.monotonic_s()
                self._reasoning.append(event.text)
                self._dirty = True
            case ToolCallRequested():
                answer = replace(answer, tool_calls=(*answer.tool_calls, event.call))
            case UsageReported():
                facts = _with_usage(facts, event)
            case Finished():
                facts = replace(
                    facts,
                    finish_reason=event.finish_reason,
                    request_id=event.request_id,
                    provider=event.provider,
                    model=event.model,
                )
                answer = replace(answer, state="done")
            case Interrupted() | Failed():
                state: MessageState = "interrupted" if isinstance(event, Interrupted) else "failed"
                answer = replace(answer, state=state, trouble=trouble_of(event.error))
            case _:
                pass
        self._answer = replace(answer, facts=facts)

    def note_stop(self, total: UsageReported | None) -> None:
        if total is not None:
            self.note(total)
        stopped = Cancelled("Stopped.")
        self._answer = replace(self._answer, state="interrupted", trouble=trouble_of(stopped))

    def note_problem(self, problem: GroqdeskError) -> None:
        state: MessageState = "interrupted" if self._text else "failed"
        trouble = Trouble(problem.kind, problem.message, problem.action)
        self._answer = replace(self._answer, state=state, trouble=trouble)

    async def save(self) -> None:
        self._dirty = False
        await self._store.save_streamed(self._answer.id, "".join(self._text), "".join(self._reasoning))

    async def end(self) -> None:
        self.ended = True
        await self._scope.close()
        facts = self._answer.facts or AnswerFacts()
        if facts.total_s is None:
            facts = replace(facts, total_s=self._clock.monotonic_s() - self._began_s)
        content, reasoning = "".join(self._text), "".join(self._reasoning)
        whole = replace(self._answer, content=content, reasoning=reasoning, facts=facts)
        try:
            await self._store.finish(whole)
        except LocalProblem:
            self._unsaved[whole.id] = whole
            raise

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            if self._dirty:
                try:
                    await self.save()
                except LocalProblem:  # a full disk may have room again before the answer ends
                    self._dirty = True


def history(conversation: Conversation, stored: tuple[StoredMessage, ...]) -> tuple[Message, ...]:
    """What the model gets to read: instructions, then every message that holds something; failed answers are left out."""
    messages = [Message("system", conversation.system)] if conversation.system.strip() else []
    for message in stored:
        if message.state == "replaced" or (message.role == "assistant" and not message.content):
            continue
        messages.append(Message(message.role, message.content, tool_call_id=message.tool_call_id))
    return tuple(messages)


def title_of(question: str) -> str:
    """A conversation's first title: the first line of the first question, cut at a word."""
    line = next((line.strip() for line in question[:2000].splitlines() if line.strip()), "New chat")
    if len(line) <= TITLE_MAX:
        return line
    cut = line[:TITLE_MAX].rsplit(" ", 1)[0] if " " in line[:TITLE_MAX] else line[:TITLE_MAX]
    return cut.rstrip(" ,.;:") + "…"


def trouble_of(error: ProviderError) -> Trouble:
    """The card under an answer; the vendor's own words, already redacted, become its details."""
    cause = error.__cause__
    detail = cause.message if isinstance(cause, VendorError) else ""
    if error.status is not None:
        number = f"HTTP {error.status}"
        detail = number if detail in ("", number) else f"{number}. {detail}"
    if error.request_id:
        detail = f"{detail}\nRequest {error.request_id}".strip()
    return Trouble(error.kind, error.message, error.action, error.replacement, error.retry_at_ms, detail)


def _facts(choice: ModelChoice) -> AnswerFacts:
    return AnswerFacts(provider=choice.provider, model=choice.model)


def _with_usage(facts: AnswerFacts, event: UsageReported) -> AnswerFacts:
    usage: TokenUsage = event.usage
    return replace(
        facts,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated,
        cost_nano_usd=event.cost_nano_usd,
        ttft_s=event.ttft_s,
        total_s=event.total_s,
        queue_s=usage.queue_s,
        prompt_s=usage.prompt_s,
        completion_s=usage.completion_s,
    )
