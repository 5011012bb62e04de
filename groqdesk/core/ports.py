"""The ports: what services need from the world, as Protocols. Implementations live in other rooms."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from groqdesk.core.agents import Agent
from groqdesk.core.conversations import Conversation, StoredMessage
from groqdesk.core.messages import ChatEvent, ChatRequest, ModelChoice, ToolCall, ToolResult, ToolSpec
from groqdesk.core.secrets import Secret
from groqdesk.core.usage import Capability, ProviderUsage, TokenUsage

T = TypeVar("T")
E = TypeVar("E")


class Clock(Protocol):
    """Time, so that tests can move it. `now_ms` is UTC, `monotonic_s` never goes back."""

    def now_ms(self) -> int: ...

    def monotonic_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A whole answer that was not streamed."""

    text: str
    finish_reason: str
    provider: str
    model: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: TokenUsage | None = None
    request_id: str | None = None


class LLMProvider(Protocol):
    """A language model behind an API.

    `generate_streaming_response` yields `Started`, deltas and one `Finished`, and raises `ProviderError`; consume it
    inside `contextlib.aclosing`, so that leaving it closes the connection.
    """

    @property
    def name(self) -> str: ...

    async def generate_response(self, request: ChatRequest) -> ChatAnswer: ...

    def generate_streaming_response(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]: ...


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A model as a server lists it. None means that the server does not say."""

    id: str
    capability: Capability | None = None
    name: str | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    features: tuple[str, ...] | None = None
    input_modalities: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What a key test found: models served, seconds to the reply, requests a day (None if the server does not say)."""

    models: int
    reply_s: float
    requests_a_day: int | None = None


class ProviderSource(Protocol):
    """Builds providers from a choice and answers what a provider can do."""

    def names(self) -> tuple[str, ...]: ...

    def llm(self, choice: ModelChoice, usage: UsageLog) -> LLMProvider: ...

    async def live_models(self, provider: str, base_url: str | None = None) -> tuple[LiveModel, ...]: ...

    async def check_key(self, provider: str, key: Secret) -> KeyCheck: ...

    def base_url(self, provider: str) -> str: ...


class UsageLog(Protocol):
    """The ledger. `add` returns at once and is safe from any thread."""

    def add(self, record: ProviderUsage) -> None: ...


UsageGroup = Literal["day", "hour", "model", "provider", "agent"]


@dataclass(frozen=True, slots=True)
class UsageSum:
    """Calls of one group. `cost_nano_usd` sums the known prices; `unknown_cost` counts the calls without one."""

    key: str
    requests: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost_nano_usd: int
    unknown_cost: int


class UsageReader(Protocol):
    """Reads the ledger. `since_ms` is UTC milliseconds; days are those of `zone` (an IANA name)."""

    async def summed(self, since_ms: int, by: UsageGroup, zone: str) -> tuple[UsageSum, ...]: ...

    async def spent_nano_usd(self, since_ms: int) -> int: ...


class AgentStore(Protocol):
    """Agents by id; names are unique without regard to case."""

    async def all(self) -> tuple[Agent, ...]: ...

    async def get(self, name_or_id: str) -> Agent | None: ...

    async def save(self, agent: Agent) -> None: ...

    async def delete(self, agent_id: str) -> None: ...


class ConversationStore(Protocol):
    """Conversations and messages. Each call is one transaction; what has returned is on disk."""

    async def create(self, conversation: Conversation) -> None: ...

    async def update(self, conversation: Conversation) -> None: ...

    async def get(self, conversation_id: str) -> Conversation | None: ...

    async def recent(self, search: str = "", limit: int = 500) -> tuple[Conversation, ...]: ...

    async def delete(self, conversation_id: str) -> None: ...

    async def undelete(self, conversation_id: str) -> None: ...

    async def save_draft(self, conversation_id: str, draft: str) -> None: ...

    async def messages(self, conversation_id: str) -> tuple[StoredMessage, ...]: ...

    async def begin_turn(self, question: StoredMessage | None, answer: StoredMessage) -> None:
        """Stores the user's message (if there is a new one) and the empty answer in state `streaming`, and clears the draft."""
        ...

    async def save_streamed(self, message_id: str, content: str, reasoning: str) -> None: ...

    async def finish(self, message: StoredMessage) -> None:
        """Stores the end of an answer together with the usage records that name it, in one transaction."""
        ...

    async def replace_from(self, conversation_id: str, position: int) -> None:
        """Marks every message from `position` on as replaced: kept, not shown."""
        ...

    async def end_interrupted(self) -> int:
        """Turns answers that a killed process left in state `streaming` into `interrupted`; says how many."""
        ...


class SettingsStore(Protocol):
    """Stored settings: name -> JSON value."""

    async def all(self) -> Mapping[str, Any]: ...

    async def save(self, values: Mapping[str, Any]) -> None: ...


KeySource = Literal["keyring", "memory", "environment"]


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key and where it came from."""

    secret: Secret
    source: KeySource


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """Which backend keeps keys ("GNOME Keyring"), whether it outlives this run, and if not, why."""

    backend: str
    persistent: bool
    reason: str = ""


class KeyVault(Protocol):
    """API keys by provider and origin (`https://api.groq.com`); a key never goes to another origin.

    Calls may wait for an unlock dialog, never on the caller's thread. Raise `KeyringProblem`.
    """

    async def status(self) -> VaultStatus: ...

    async def get(self, provider: str, origin: str) -> StoredKey | None: ...

    async def set(self, provider: str, origin: str, key: Secret) -> KeySource: ...

    async def delete(self, provider: str, origin: str) -> bool: ...


class Engine(Protocol):
    """Runs network work away from the caller's loop.

    `call` awaits one coroutine; `stream` gives batches of a generator's items and stops it when closed.
    """

    async def call(self, fn: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T: ...

    def stream(self, fn: Callable[..., AsyncGenerator[E, None]], *args: Any) -> Batches[E]: ...


class Batches(Protocol[E]):
    """An async iterator of lists; `aclose` stops the source."""

    def __aiter__(self) -> AsyncIterator[list[E]]: ...

    async def __anext__(self) -> list[E]: ...

    async def aclose(self) -> None: ...


class ToolSource(Protocol):
    """Functions that a model may call. `run` answers with the text for the model; it raises only `CancelledError`."""

    def specs(self) -> Sequence[ToolSpec]: ...

    async def run(self, call: ToolCall) -> ToolResult: ...
