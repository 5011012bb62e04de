"""Scripted doubles behind the ports, for unit tests of services and view-models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import replace
from typing import Any

from groqdesk.core.catalog import Catalog
from groqdesk.core.conversations import Conversation, StoredMessage
from groqdesk.core.errors import GroqdeskError, ProviderError
from groqdesk.core.messages import ChatEvent, ChatRequest, Finished, ModelChoice, Started
from groqdesk.core.ports import ChatAnswer, KeyCheck, LiveModel, StoredKey, UsageLog, VaultStatus
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings, resource
from groqdesk.core.usage import ProviderUsage, TokenUsage

QUICK = Timings().divided(100)


def shipped_catalog() -> Catalog:
    return Catalog.parse(resource("catalog.toml").read_text("utf-8"))


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self, ms: int = 1_760_000_000_000) -> None:
        self.ms = ms
        self.s = 0.0

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.s

    def advance(self, seconds: float) -> None:
        self.s += seconds
        self.ms += int(seconds * 1000)


class FakeUsageLog:
    """Keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[ProviderUsage] = []

    def add(self, record: ProviderUsage) -> None:
        self.records.append(record)

    async def summed(self, since_ms: int, by: str, zone: str) -> tuple[Any, ...]:
        return ()

    async def spent_nano_usd(self, since_ms: int) -> int:
        return sum(r.cost_nano_usd or 0 for r in self.records)


Step = ChatEvent | GroqdeskError | float | asyncio.Event


class FakeLLM:
    """Plays one script a call: events are yielded, errors raised, floats slept, an `asyncio.Event` awaited.

    A script without an end gets a `Finished`. `requests` keeps what was asked, `closed` counts generators left early.
    """

    name = "fake"

    def __init__(self, *scripts: Iterable[Step], usage: UsageLog | None = None) -> None:
        self.scripts = [list(script) for script in scripts]
        self.requests: list[ChatRequest] = []
        self.closed = 0
        self.usage = usage

    async def generate_response(self, request: ChatRequest) -> ChatAnswer:
        self.requests.append(request)
        return ChatAnswer("ok", "stop", "fake", request.model)

    async def generate_streaming_response(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(request)
        ended = False
        try:
            yield Started("fake", request.model)
            for step in script:
                if isinstance(step, GroqdeskError):
                    ended = True
                    self._record(request, "failed")
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    ended = ended or isinstance(step, Finished)
                    if isinstance(step, Finished):
                        self._record(request, "ok")
                    yield step
            if not ended:
                ended = True
                self._record(request, "ok")
                yield Finished("stop", "fake", request.model, TokenUsage(10, 5))
        finally:
            if not ended:
                self.closed += 1
                self._record(request, "cancelled")

    def _record(self, request: ChatRequest, outcome: Any) -> None:
        if self.usage is not None:
            context = request.context
            self.usage.add(
                ProviderUsage(
                    id=f"u{len(self.requests)}",
                    started_ms=0,
                    provider="fake",
                    model=request.model,
                    capability="llm",
                    action_id=context.action_id,
                    outcome=outcome,
                    usage=TokenUsage(10, 5),
                    cost_nano_usd=4500,
                    ttft_s=0.2,
                    total_s=1.0,
                    message_id=context.message_id,
                    conversation_id=context.conversation_id,
                )
            )


class FakeProviders:
    """A `ProviderSource` around one `FakeLLM`."""

    def __init__(self, llm: FakeLLM | None = None) -> None:
        self.fake = llm or FakeLLM([])
        self.live: tuple[LiveModel, ...] | ProviderError = ()
        self.check: KeyCheck | ProviderError = KeyCheck(11, 0.188, 1000)
        self.checked: list[Secret] = []
        self.choices: list[ModelChoice] = []

    def names(self) -> tuple[str, ...]:
        return ("groq", "openai", "demo")

    def base_url(self, provider: str) -> str:
        return f"https://{provider}.invalid"

    def llm(self, choice: ModelChoice, usage: UsageLog) -> FakeLLM:
        self.choices.append(choice)
        self.fake.usage = usage
        return self.fake

    async def live_models(self, provider: str, base_url: str | None = None) -> tuple[LiveModel, ...]:
        if isinstance(self.live, ProviderError):
            raise self.live
        return self.live

    async def check_key(self, provider: str, key: Secret) -> KeyCheck:
        self.checked.append(key)
        if isinstance(self.check, ProviderError):
            raise self.check
        return self.check


class FakeVault:
    """Keys in a dictionary."""

    def __init__(self, persistent: bool = True) -> None:
        self.keys: dict[tuple[str, str], Secret] = {}
        self.persistent = persistent
        self.problem: Exception | None = None

    async def status(self) -> VaultStatus:
        return VaultStatus("Test keyring", self.persistent, "" if self.persistent else "No system keyring was found.")

    async def get(self, provider: str, origin: str) -> StoredKey | None:
        key = self.keys.get((provider, origin))
        return StoredKey(key, "keyring") if key else None

    async def set(self, provider: str, origin: str, key: Secret) -> str:
        if self.problem:
            raise self.problem
        self.keys[provider, origin] = key
        return "keyring" if self.persistent else "memory"

    async def delete(self, provider: str, origin: str) -> bool:
        return self.keys.pop((provider, origin), None) is not None


class FakeConversations:
    """Conversations in memory; `log` keeps the calls in order, `fail` makes the next call of a name raise."""

    def __init__(self) -> None:
        self.rows: dict[str, Conversation] = {}
        self.texts: dict[str, StoredMessage] = {}
        self.deleted: set[str] = set()
        self.log: list[str] = []
        self.fail: dict[str, Exception] = {}

    def _note(self, name: str) -> None:
        self.log.append(name)
        if name in self.fail:
            raise self.fail.pop(name)

    async def create(self, conversation: Conversation) -> None:
        self._note("create")
        self.rows[conversation.id] = conversation

    async def update(self, conversation: Conversation) -> None:
        self._note("update")
        self.rows[conversation.id] = conversation

    async def get(self, conversation_id: str) -> Conversation | None:
        return None if conversation_id in self.deleted else self.rows.get(conversation_id)

    async def recent(self, search: str = "", limit: int = 500) -> tuple[Conversation, ...]:
        found = [c for c in self.rows.values() if c.id not in self.deleted and search.lower() in c.title.lower()]
        return tuple(sorted(found, key=lambda c: (not c.pinned, -c.updated_ms)))

    async def delete(self, conversation_id: str) -> None:
        self.deleted.add(conversation_id)

    async def undelete(self, conversation_id: str) -> None:
        self.deleted.discard(conversation_id)

    async def save_draft(self, conversation_id: str, draft: str) -> None:
        self._note("save_draft")
        if conversation_id in self.rows:
            self.rows[conversation_id] = replace(self.rows[conversation_id], draft=draft)

    async def messages(self, conversation_id: str) -> tuple[StoredMessage, ...]:
        found = [m for m in self.texts.values() if m.conversation_id == conversation_id]
        return tuple(sorted(found, key=lambda m: m.position))

    async def begin_turn(self, question: StoredMessage | None, answer: StoredMessage) -> None:
        self._note("begin_turn")
        for message in (question, answer):
            if message is not None:
                self.texts[message.id] = message

    async def save_streamed(self, message_id: str, content: str, reasoning: str) -> None:
        self._note("save_streamed")
        self.texts[message_id] = replace(self.texts[message_id], content=content, reasoning=reasoning)

    async def finish(self, message: StoredMessage) -> None:
        self._note("finish")
        self.texts[message.id] = message

    async def replace_from(self, conversation_id: str, position: int) -> None:
        for message in await self.messages(conversation_id):
            if message.position >= position:
                self.texts[message.id] = replace(message, state="replaced")

    async def end_interrupted(self) -> int:
        return 0


class FakeSettingsStore:
    """Settings in a dictionary."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def all(self) -> Mapping[str, Any]:
        return dict(self.values)

    async def save(self, values: Mapping[str, Any]) -> None:
        self.values.update(values)
