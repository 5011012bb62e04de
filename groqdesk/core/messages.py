"""What is said: messages, chat requests, and the events of an answer.

All values are frozen; an answer is a sequence of `ChatEvent`s. A provider yields `Started`, then deltas, then exactly one
`Finished`; whatever goes wrong is a raised `ProviderError`. A service turns that error into `Interrupted` (text had
arrived) or `Failed` (nothing had), so that its stream always ends in exactly one of the three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from groqdesk.core.errors import ProviderError
from groqdesk.core.usage import TokenUsage

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that the model asks for. `arguments` is the raw JSON text, which may be invalid."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function offered to the model. `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered: `text` for the model; `failed` says that it is an error."""

    call_id: str
    text: str
    failed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation as the model sees it. Ids, times and states live in the conversation store."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model at which provider answers. `base_url` points the provider's wire at another server."""

    provider: str
    model: str
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class CallContext:
    """Who a call belongs to, for the usage record. Ids are UUIDv7 text."""

    action_id: str
    message_id: str | None = None
    conversation_id: str | None = None
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One round with a model. `parameters` is sparse: names of `core.parameters`, absent means the model's default."""

    model: str
    messages: tuple[Message, ...]
    context: CallContext
    parameters: Mapping[str, object] = field(default_factory=dict)
    tools: tuple[ToolSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt was sent."""

    provider: str
    model: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallRequested:
    """A whole tool call, after its fragments were joined."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """A tool ran. From a service, never from a provider."""

    result: ToolResult


@dataclass(frozen=True, slots=True)
class UsageReported:
    """What a run took, summed over its billed attempts. Comes at most once, before the end."""

    usage: TokenUsage
    cost_nano_usd: int | None
    ttft_s: float | None
    total_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete. From a provider, `usage` is what the server reported for this round."""

    finish_reason: FinishReason
    provider: str
    model: str
    usage: TokenUsage | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The answer broke off after text had arrived; the text is kept."""

    error: ProviderError
    kept_characters: int


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came."""

    error: ProviderError


ChatEvent = (
    Started
    | TextDelta
    | ReasoningDelta
    | ToolCallRequested
    | ToolAnswered
    | UsageReported
    | Finished
    | Interrupted
    | Failed
)
EndOfRun = Finished | Interrupted | Failed
