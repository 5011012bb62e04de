"""Language models over the OpenAI-compatible wire."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import httpx

from groqdesk.core import errors
from groqdesk.core.errors import ProviderError
from groqdesk.core.messages import (
    ChatEvent,
    ChatRequest,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallRequested,
)
from groqdesk.core.ports import ChatAnswer
from groqdesk.core.settings import Timings
from groqdesk.providers.answers import REASONS, StreamedAnswer, whole_answer
from groqdesk.providers.compatible_client import CompatibleClient, closable
from groqdesk.providers.error_replies import error_in
from groqdesk.providers.transport import Reply
from groqdesk.providers.wire import UNREADABLE, chat_body, decode_chunk

# Servers that forget the type still stream; whatever else comes is read whole and judged.
_STREAM_TYPES: Final = frozenset({"text/event-stream", "", "text/plain", "application/octet-stream"})


class CompatibleLLM:
    """A language model at one server of this wire (an `LLMProvider`)."""

    def __init__(self, client: CompatibleClient, timings: Timings) -> None:
        self._client = client
        self._timings = timings
        self._dialect = client.server.dialect

    @property
    def name(self) -> str:
        return self._client.server.provider

    def _body(self, request: ChatRequest, *, stream: bool) -> bytes:
        facts, dialect = self._client.server.facts, self._dialect
        try:
            fields = facts.fields(request, dialect.parameters)
        except ValueError as error:
            raise self._client.signed(errors.BadRequest(str(error), sent=False), request.model) from None
        return chat_body(
            request, facts.wire_id(request.model), fields, stream=stream, include_usage=dialect.include_usage
        )

    def _can_stream(self, request: ChatRequest) -> bool:
        # Groq does not stream answers that follow a schema (structured-outputs page).
        return not (self._dialect.parameters == "groq" and request.parameters.get("response_format") == "json_schema")

    async def generate_response(self, request: ChatRequest) -> ChatAnswer:
        """One whole answer. Raises `ProviderError`."""
        client = self._client
        auth = await client.auth()
        deadline = asyncio.get_running_loop().time() + min(self._timings.first_byte_s, self._timings.total_s)
        body = self._body(request, stream=False)
        async with client.open(
            "POST", "/chat/completions", request.model, auth, body, stream=False, deadline=deadline
        ) as reply:
            return await self._whole(reply, request, deadline)

    async def _whole(self, reply: Reply, request: ChatRequest, deadline: float) -> ChatAnswer:
        client = self._client
        content = await client.read(reply, request.model, deadline)
        try:
            decoded = decode_chunk(content)
        except UNREADABLE as error:
            failure = client.bad(request.model, type(error).__name__, reply, content)
            raise failure from failure.__cause__
        if decoded.error is not None:
            raise client.refused(error_in(content), reply, request.model)
        extra = decoded.x_groq
        if extra is not None and extra.error is not None:
            raise client.refused(error_in({"error": extra.error}), reply, request.model, id_in_body=extra.id)
        answer = whole_answer(decoded, self.name, request.model, reply.request_id)
        if answer is None:
            if (said := error_in(content)).message:
                raise client.refused(said, reply, request.model)
            raise client.bad(request.model, "no choice with a message", reply, content)
        return answer

    async def generate_streaming_response(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """`Started`, then deltas joined by socket read, tool calls once whole, one `Finished`. Raises `ProviderError`.

        Consume it inside `contextlib.aclosing`: leaving it closes the connection.
        """
        client, timings, loop = self._client, self._timings, asyncio.get_running_loop()
        auth = await client.auth()
        stream = self._can_stream(request)
        body = self._body(request, stream=stream)
        yield Started(self.name, request.model)
        start = loop.time()
        end = start + timings.total_s
        wait_until = min(end, start + timings.first_byte_s)
        async with client.open(
            "POST", "/chat/completions", request.model, auth, body, stream=stream, deadline=wait_until
        ) as reply:
            if reply.content_type not in _STREAM_TYPES:
                for event in self._events(await self._whole(reply, request, end)):
                    yield event
                return
            answer = StreamedAnswer()
            async with contextlib.aclosing(closable(reply.pieces())) as pieces:
                seen = 0
                while not answer.over:
                    try:
                        async with asyncio.timeout_at(wait_until):
                            piece = await anext(pieces, None)
                    except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
                        failure = self._broken_off(error, request, reply, answer)
                        raise failure from failure.__cause__
                    if piece is None:
                        break
                    for event in answer.feed(piece):
                        yield event
                    if answer.events != seen:
                        seen = answer.events
                        wait_until = min(end, loop.time() + timings.between_events_s)
                if answer.error is not None:
                    raise client.refused(answer.error, reply, request.model, id_in_body=answer.request_id)
                if answer.broken:
                    raise client.bad(request.model, answer.broken, reply)
                if answer.finish_reason is None:
                    raise self._broken_off(None, request, reply, answer)
                for event in answer.end():
                    yield event
                yield Finished(
                    answer.finish_reason,
                    self.name,
                    request.model,
                    answer.token_usage,
                    reply.request_id or answer.request_id,
                )
                await self._drain(pieces)

    def _broken_off(
        self, error: Exception | None, request: ChatRequest, reply: Reply, answer: StreamedAnswer
    ) -> ProviderError:
        """The error of a stream that ended before its end: cut, or silent for too long."""
        if isinstance(error, (TimeoutError, httpx.TimeoutException)):
            failure = self._client.late(request.model)
        else:
            failure = self._client.cut(request.model, error)
        failure.status, failure.request_id = reply.status, reply.request_id or answer.request_id
        return failure

    async def _drain(self, pieces: AsyncIterator[bytes]) -> None:
        """Reads the end of the body after the last event, so that the connection can be used again."""
        with contextlib.suppress(httpx.TransportError, httpx.DecodingError, TimeoutError):
            async with asyncio.timeout(self._timings.drain_s):
                async for _ in pieces:
                    pass

    def _events(self, answer: ChatAnswer) -> list[ChatEvent]:
        """The events of an answer that was not streamed, because the server cannot or its settings forbid it."""
        events: list[ChatEvent] = []
        if answer.reasoning:
            events.append(ReasoningDelta(answer.reasoning))
        if answer.text:
            events.append(TextDelta(answer.text))
        events += [ToolCallRequested(call) for call in answer.tool_calls]
        reason = REASONS.get(answer.finish_reason, "stop")
        events.append(Finished(reason, self.name, answer.model, answer.usage, answer.request_id))
        return events
