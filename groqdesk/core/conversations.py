"""What a conversation store keeps: conversations and their messages, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from groqdesk.core.messages import ModelChoice, Role, ToolCall

MessageState = Literal["done", "streaming", "interrupted", "failed", "replaced"]


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What the line under an answer says. Times in seconds; None is unknown and shown as a dash, never as zero."""

    provider: str = ""
    model: str = ""
    finish_reason: str = ""
    request_id: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_nano_usd: int | None = None
    ttft_s: float | None = None
    total_s: float | None = None
    reasoning_s: float | None = None
    queue_s: float | None = None
    prompt_s: float | None = None
    completion_s: float | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an answer is missing or broke off: the card under it. `detail` is redacted raw text, shown on request only."""

    kind: str
    message: str
    action: str
    replacement: str | None = None
    retry_at_ms: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message as stored. `position` orders a conversation; a `replaced` one was regenerated and is not shown."""

    id: str
    conversation_id: str
    position: int
    role: Role
    content: str
    state: MessageState
    created_ms: int
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    facts: AnswerFacts | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with its model choice and the parameters that differ from the model's defaults.

    `cost_nano_usd` sums its calls; `cost_unknown` says that a call without a known price is missing from the sum.
    """

    id: str
    title: str
    choice: ModelChoice
    created_ms: int
    updated_ms: int
    parameters: Mapping[str, object] = field(default_factory=dict)
    system: str = ""
    agent_id: str | None = None
    pinned: bool = False
    draft: str = ""
    cost_nano_usd: int = 0
    cost_unknown: bool = False
