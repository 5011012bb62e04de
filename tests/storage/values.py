"""Conversations, messages and usage records with every field set."""

from __future__ import annotations

from typing import Any

from groqdesk.core.conversations import AnswerFacts, Conversation, StoredMessage
from groqdesk.core.ids import new_id
from groqdesk.core.messages import ModelChoice
from groqdesk.core.usage import ProviderUsage, TokenUsage

T0 = 1_760_000_000_000


def conversation(title: str = "Trip to Porto", **changed: Any) -> Conversation:
    values: dict[str, Any] = {
        "id": new_id(),
        "title": title,
        "choice": ModelChoice("groq", "openai/gpt-oss-120b", "http://127.0.0.1:1/v1"),
        "created_ms": T0,
        "updated_ms": T0,
        "parameters": {"temperature": 0.4, "stop": ["END"]},
        "system": "Answer in one sentence.",
        "agent_id": "agent-1",
    }
    return Conversation(**(values | changed))


def question(of: Conversation, position: int = 0, text: str = "Where to eat?") -> StoredMessage:
    return StoredMessage(new_id(), of.id, position, "user", text, "done", T0 + position)


def answer(of: Conversation, position: int = 1, text: str = "") -> StoredMessage:
    facts = AnswerFacts("groq", "openai/gpt-oss-120b")
    return StoredMessage(new_id(), of.id, position, "assistant", text, "streaming", T0 + position, facts=facts)


def record(**changed: Any) -> ProviderUsage:
    values: dict[str, Any] = {
        "id": new_id(),
        "started_ms": T0,
        "provider": "groq",
        "model": "openai/gpt-oss-120b",
        "capability": "llm",
        "action_id": new_id(),
        "outcome": "ok",
        "usage": TokenUsage(100, 50, 20, 10, queue_s=0.01, prompt_s=0.02, completion_s=0.3),
        "cost_nano_usd": 1_000,
        "ttft_s": 0.2,
        "total_s": 0.5,
    }
    return ProviderUsage(**(values | changed))
