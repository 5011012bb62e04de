"""Puts an answer together: payloads of a stream, or one whole reply, become chat events. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from groqdesk.core.messages import ChatEvent, FinishReason, ReasoningDelta, TextDelta, ToolCall, ToolCallRequested
from groqdesk.core.ports import ChatAnswer
from groqdesk.core.usage import TokenUsage
from groqdesk.providers.error_replies import ErrorReply, error_in
from groqdesk.providers.sse import EventSplitter, EventTooLong, NamedEvent
from groqdesk.providers.wire import UNREADABLE, Chunk, ToolCallFragment, Usage, decode_any, decode_chunk, mended_chunk

_DONE: Final = b"[DONE]"
REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ToolCallJoiner:
    """Joins the fragments of tool calls.

    The key is `index`; where it is missing (Ollama), the id; where both are missing, the last call goes on. Two calls that
    share an index but not an id are two calls. Every call leaves with an id of its own.
    """

    __slots__ = ("_by_index", "_calls")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def add(self, fragment: ToolCallFragment) -> None:
        call = self._slot(fragment)
        call.id = call.id or fragment.id or ""
        if fragment.function is not None:
            call.name = call.name or fragment.function.name or ""
            if text := fragment.function.arguments_text():
                call.arguments.append(text)

    def _slot(self, fragment: ToolCallFragment) -> _Call:
        if fragment.index is not None:
            known = self._by_index.get(fragment.index)
            if known is None or (fragment.id and known.id and fragment.id != known.id):
                known = self._by_index[fragment.index] = self._new()
            return known
        if fragment.id:
            return next((call for call in self._calls if call.id == fragment.id), None) or self._new()
        new_name = fragment.function is not None and fragment.function.name
        if not self._calls or (new_name and self._calls[-1].name):
            return self._new()
        return self._calls[-1]

    def _new(self) -> _Call:
        self._calls.append(_Call())
        return self._calls[-1]

    def calls(self) -> tuple[ToolCall, ...]:
        used: set[str] = set()
        whole = []
        for number, call in enumerate(self._calls):
            unique = call.id or f"call_{number}"
            if unique in used:
                unique = f"{unique}_{number}"
            used.add(unique)
            whole.append(ToolCall(unique, call.name, "".join(call.arguments)))
        return tuple(whole)


class StreamedAnswer:
    """The answer of one stream, fed with the bytes of its body.

    `feed` gives the deltas of that piece, neighbours of a kind joined into one event. It never raises: what went wrong is in
    `error` (the server said so) or `broken` (not this API's wire), after the deltas that came before it. `finish_reason` is
    None until the server has sent one: a stream that ends without it was cut. `events` counts the events that came.
    """

    __slots__ = ("_calls", "_splitter", "broken", "done", "error", "events", "finish_reason", "request_id", "usage")

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self._calls: ToolCallJoiner | None = None
        self.events = 0
        self.done = False
        self.finish_reason: FinishReason | None = None
        self.request_id: str | None = None
        self.usage: Usage | None = None
        self.error: ErrorReply | None = None
        self.broken = ""

    @property
    def over(self) -> bool:
        """Whether nothing that follows in the body can matter."""
        return self.done or self.error is not None or bool(self.broken)

    @property
    def token_usage(self) -> TokenUsage | None:
        return None if self.usage is None else self.usage.tokens()

    def feed(self, data: bytes) -> list[ChatEvent]:
        if self.over:
            return []
        try:
            payloads = self._splitter.feed(data)
        except EventTooLong as error:
            self.broken = str(error)
            return []
        self.events += len(payloads)
        events: list[ChatEvent] = []
        text: list[str] = []
        thoughts: list[str] = []
        for payload in payloads:
            if isinstance(payload, NamedEvent):
                if self._named(payload):
                    break
                continue
            if payload == _DONE:
                self.done = True
                break
            try:
                chunk = decode_chunk(payload)
            except UNREADABLE as error:
                mended = mended_chunk(payload)
                if mended is None:
                    if not self._odd_error(payload):
                        self.broken = f"an event is not a chunk: {type(error).__name__}"
                    break
                chunk = mended
            if chunk.error is not None:
                self.error = error_in({"error": chunk.error})
                break
            if chunk.choices:
                choice = chunk.choices[0]
                delta = choice.delta
                if delta is not None:
                    if thought := delta.reasoning or delta.reasoning_content:
                        if text:
                            events.append(TextDelta("".join(text)))
                            text = []
                        thoughts.append(thought)
                    if delta.content:
                        if thoughts:
                            events.append(ReasoningDelta("".join(thoughts)))
                            thoughts = []
                        text.append(delta.content)
                    if delta.tool_calls:
                        self._calls = self._calls or ToolCallJoiner()
                        for fragment in delta.tool_calls:
                            self._calls.add(fragment)
                if choice.finish_reason:
                    self.finish_reason = REASONS.get(choice.finish_reason, "stop")
            if chunk.usage is not None:
                self.usage = chunk.usage
            if chunk.x_groq is not None:
                if self._groq(chunk):
                    break
            elif chunk.choices is None and chunk.usage is None and self._odd_error(payload):
                break
        if thoughts:
            events.append(ReasoningDelta("".join(thoughts)))
        if text:
            events.append(TextDelta("".join(text)))
        return events

    def _groq(self, chunk: Chunk) -> bool:
        """Takes `x_groq`; true if it says why the stream was stopped early."""
        extra = chunk.x_groq
        if extra is None:
            return False
        self.request_id = real_id(extra.id) or self.request_id
        if extra.usage is not None:
            self.usage = extra.usage
        if extra.error is not None:
            self.error = error_in({"error": extra.error})
            return True
        return False

    def _named(self, event: NamedEvent) -> bool:
        """An `event: error` ends the stream; other names are not of this API and are passed over."""
        if event.name != "error":
            return False
        self.error = error_in(event.data)
        return True

    def _odd_error(self, payload: bytes) -> bool:
        """Whether what does not fit the structs is an error of another shape, such as a flat one."""
        try:
            value = decode_any(payload)
        except UNREADABLE:
            return False
        if not isinstance(value, dict) or not ("error" in value or value.get("object") == "error"):
            return False
        self.error = error_in(value)
        return True

    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self._calls.calls() if self._calls is not None else ()

    def end(self) -> list[ChatEvent]:
        """What is known only when the stream is complete: the tool calls."""
        calls = self.tool_calls()
        if calls and self.finish_reason == "stop":
            self.finish_reason = "tool_calls"
        return [ToolCallRequested(call) for call in calls]


def real_id(request_id: str | None) -> str | None:
    """The request id of `x_groq`, which compound systems fill with "stub"."""
    return None if request_id in ("stub", "") else request_id


def whole_answer(reply: Chunk, provider: str, model: str, request_id: str | None) -> ChatAnswer | None:
    """An answer that came in one piece. None if the reply holds no choice with a message."""
    choice = reply.choices[0] if reply.choices else None
    if choice is None or choice.message is None:
        return None
    message = choice.message
    joiner = ToolCallJoiner()
    for fragment in message.tool_calls or ():
        # Every entry of a whole answer is a call of its own, whatever its index says.
        joiner.add(ToolCallFragment(index=len(joiner.calls()), id=fragment.id, function=fragment.function))
    calls = joiner.calls()
    reason: FinishReason = REASONS.get(choice.finish_reason or "stop", "stop")
    usage = reply.usage or (reply.x_groq.usage if reply.x_groq else None)
    return ChatAnswer(
        text=message.content or "",
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        provider=provider,
        model=model,
        reasoning=message.reasoning or message.reasoning_content or "",
        tool_calls=calls,
        usage=None if usage is None else usage.tokens(),
        request_id=request_id or (real_id(reply.x_groq.id) if reply.x_groq else None),
    )
