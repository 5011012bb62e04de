"""Groq: the client of its API and its language models."""

from __future__ import annotations

from typing import Final

from groqdesk.core.ports import Clock
from groqdesk.core.settings import Timings
from groqdesk.providers.compatible_client import GROQ, CompatibleClient, Dialect, KeySource, ModelFacts, Server
from groqdesk.providers.openai_compatible import CompatibleLLM
from groqdesk.providers.transport import HttpClient

BASE_URL: Final = "https://api.groq.com/openai/v1"


class GroqClient(CompatibleClient):
    """Speaks with Groq, or with a server of Groq's wire at another `base_url`.

    `key` is asked for before every call, so that a replaced key counts at once.
    """

    def __init__(
        self,
        key: KeySource,
        http: HttpClient,
        timings: Timings,
        clock: Clock,
        *,
        base_url: str = BASE_URL,
        provider: str = "groq",
        dialect: Dialect = GROQ,
        facts: ModelFacts | None = None,
    ) -> None:
        super().__init__(Server(provider, base_url, dialect, key, facts or ModelFacts()), http, timings, clock)


class GroqLLMProvider(CompatibleLLM):
    """Groq's language models (an `LLMProvider`)."""

    def __init__(self, client: GroqClient, timings: Timings) -> None:
        super().__init__(client, timings)
