"""Metered: the innermost wrapper of a provider. One usage record an HTTP attempt, failed and stopped ones too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from groqdesk.core.errors import BadResponse, ConnectionFailed, LocalProblem, Offline, ProviderError, TimedOut
from groqdesk.core.ids import new_id
from groqdesk.core.messages import (
    ChatEvent,
    ChatRequest,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallRequested,
)
from groqdesk.core.ports import ChatAnswer, Clock, LLMProvider, UsageLog
from groqdesk.core.usage import Outcome, ProviderUsage, TokenPrice, TokenUsage, cost_nano_usd

PriceOf = Callable[[str, str], TokenPrice | None]
"""The price of a model by provider and model id; None if unknown."""

_NOTHING: Final = TokenUsage()
_NO_REPLY: Final = (ConnectionFailed, TimedOut, Offline)


class Metered:
    """An `LLMProvider` that hands a `ProviderUsage` to the ledger for every attempt.

    Where the server reports no tokens they are estimated from the texts and marked so, also in the `Finished` and the
    `ChatAnswer` that pass through. Refusals and connections that never stood cost nothing; what is refused before anything
    is sent, such as a missing key, leaves no record.
    """

    def __init__(self, provider: LLMProvider, usage_log: UsageLog, price_of: PriceOf, clock: Clock) -> None:
        self._provider = provider
        self._usage_log = usage_log
        self._price_of = price_of
        self._clock = clock

    @property
    def name(self) -> str:
        return self._provider.name

    async def generate_response(self, request: ChatRequest) -> ChatAnswer:
        attempt = _Attempt(self, request)
        try:
            answer = await self._provider.generate_response(request)
        except ProviderError as error:
            if error.sent or isinstance(error, _NO_REPLY):
                attempt.failed(error)
            raise
        except LocalProblem:
            raise
        except asyncio.CancelledError:
            attempt.stopped()
            raise
        except BaseException:
            attempt.record("failed", _NOTHING)
            raise
        if answer.usage is None:
            calls = "".join(call.name + call.arguments for call in answer.tool_calls)
            answer = replace(answer, usage=attempt.estimated(answer.reasoning + answer.text + calls))
        attempt.record("ok", answer.usage or _NOTHING, request_id=answer.request_id)
        return answer

    async def generate_streaming_response(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        attempt = _Attempt(self, request)
        sent = False
        try:
            async with aclosing(self._provider.generate_streaming_response(request)) as events:
                async for event in events:
                    kind = type(event)
                    if kind is TextDelta or kind is ReasoningDelta:
                        attempt.arrived(event.text)  # type: ignore[union-attr]
                    elif kind is ToolCallRequested:
                        attempt.arrived(event.call.name + event.call.arguments)  # type: ignore[union-attr]
                    elif kind is Started:
                        sent = True
                    elif isinstance(event, Finished):
                        if event.usage is None:
                            event = replace(event, usage=attempt.estimated("".join(attempt.texts)))
                        attempt.record("ok", event.usage or _NOTHING, request_id=event.request_id)
                    yield event
        except ProviderError as error:
            if sent:
                attempt.failed(error)
            raise
        except LocalProblem:  # a missed recording, a locked keyring: nothing was sent
            raise
        except (asyncio.CancelledError, GeneratorExit):
            if sent:
                attempt.stopped()
            raise
        except BaseException:
            if sent:
                attempt.record("failed", _NOTHING)
            raise


class _Attempt:
    """Watches one attempt and writes its record, once."""

    __slots__ = ("_metered", "_recorded", "_request", "_started_ms", "_started_s", "_ttft_s", "texts")

    def __init__(self, metered: Metered, request: ChatRequest) -> None:
        self._metered = metered
        self._request = request
        self._started_ms = metered._clock.now_ms()
        self._started_s = metered._clock.monotonic_s()
        self._ttft_s: float | None = None
        self._recorded = False
        self.texts: list[str] = []

    def arrived(self, text: str) -> None:
        if self._ttft_s is None:
            self._ttft_s = self._metered._clock.monotonic_s() - self._started_s
        self.texts.append(text)

    def estimated(self, text: str) -> TokenUsage:
        # Needed only where a server says nothing; brings the catalogue along, which would slow every import down.
        from groqdesk.core.tokens import estimate, estimate_messages

        request = self._request
        return TokenUsage(estimate_messages(request.messages, request.tools), estimate(text), estimated=True)

    def failed(self, error: ProviderError) -> None:
        # A server that began to answer has read the prompt; a page of the network has not.
        begun = bool(self.texts) or (error.status == 200 and not isinstance(error, BadResponse))
        usage = self.estimated("".join(self.texts)) if begun else TokenUsage(estimated=error.sent)
        self.record("failed", usage, request_id=error.request_id, error=error)

    def stopped(self) -> None:
        self.record("cancelled", self.estimated("".join(self.texts)))

    def record(
        self, outcome: Outcome, usage: TokenUsage, *, request_id: str | None = None, error: ProviderError | None = None
    ) -> None:
        if self._recorded:
            return
        self._recorded = True
        metered, request, context = self._metered, self._request, self._request.context
        price = metered._price_of(metered.name, request.model)
        metered._usage_log.add(
            ProviderUsage(
                id=new_id(),
                started_ms=self._started_ms,
                provider=metered.name,
                model=request.model,
                capability="llm",
                action_id=context.action_id,
                outcome=outcome,
                usage=usage,
                cost_nano_usd=cost_nano_usd(usage, price) if usage.total_tokens else 0,
                ttft_s=self._ttft_s,
                total_s=metered._clock.monotonic_s() - self._started_s,
                message_id=context.message_id,
                conversation_id=context.conversation_id,
                agent_id=context.agent_id,
                request_id=request_id,
                error_kind=None if error is None else error.kind,
                status=None if error is None else error.status,
            )
        )
