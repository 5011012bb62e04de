"""The OpenAI-compatible chat wire as typed structs, and the request that we put on it.

Replies: unknown fields cost nothing and break nothing; absent and null mean the same. Requests: a white list. Of a message
only role, content, tool calls and the id of the call it answers ever leave, and of the settings what `core.parameters`
writes for the model, because Groq answers 400 to any other field (`additionalProperties: false` throughout its OpenAPI
document), and `reasoning`, `name` and `id` inside messages are refused by some of its models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from groqdesk.core.messages import ChatRequest, Message, ToolSpec
from groqdesk.core.usage import TokenUsage

OWN_FIELDS: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "n", "functions", "function_call"}
)
"""Fields that only this module fills in; settings of the same names are dropped."""


UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding a hostile reply can raise: bytes that are no UTF-8 inside a string come as UnicodeDecodeError."""


class PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """Tokens and the server's own times (Groq) in seconds."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    queue_time: float | None = None
    prompt_time: float | None = None
    completion_time: float | None = None

    def tokens(self) -> TokenUsage:
        prompt, completion = max(self.prompt_tokens or 0, 0), max(self.completion_tokens or 0, 0)
        cached = (self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens) or 0
        reasoning = (self.completion_tokens_details and self.completion_tokens_details.reasoning_tokens) or 0
        return TokenUsage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=min(max(cached, 0), prompt),
            reasoning_tokens=min(max(reasoning, 0), completion),
            queue_s=self.queue_time,
            prompt_s=self.prompt_time,
            completion_s=self.completion_time,
        )


class FunctionFragment(msgspec.Struct, gc=False):
    name: str | None = None
    # Some local servers send the arguments as an object instead of its text.
    arguments: str | dict[str, Any] | None = None

    def arguments_text(self) -> str:
        if isinstance(self.arguments, dict):
            return msgspec.json.encode(self.arguments).decode()
        return self.arguments or ""


class ToolCallFragment(msgspec.Struct, gc=False):
    """A piece of a tool call. Groq sends whole calls; others send the arguments in pieces, keyed by `index`."""

    index: int | None = None
    id: str | None = None
    function: FunctionFragment | None = None


class Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallFragment] | None = None


class Choice(msgspec.Struct, gc=False):
    """One choice of a chunk (`delta`) or of a whole answer (`message`)."""

    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class XGroq(msgspec.Struct, gc=False):
    id: str | None = None
    usage: Usage | None = None
    error: Any = None


class Chunk(msgspec.Struct, gc=False):
    """One event of a stream, or a whole answer: the two differ only in `delta` and `message`."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    x_groq: XGroq | None = None
    error: Any = None


class ModelEntry(msgspec.Struct, gc=False):
    """One model of `GET /models`; other servers than Groq say little more than the id."""

    id: str
    active: bool | None = None
    name: str | None = None
    context_window: int | None = None
    max_completion_tokens: int | None = None
    input_modalities: list[str] | None = None
    output_modalities: list[str] | None = None
    supported_features: list[str] | None = None


class ModelList(msgspec.Struct, gc=False):
    data: list[ModelEntry] | None = None
    error: Any = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
decode_models = msgspec.json.Decoder(ModelList).decode
decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def mended_chunk(payload: bytes) -> Chunk | None:
    """A chunk that does not decode because a token ended inside a surrogate pair (`"\\ud83d"`); None if that is not why.

    The lone half becomes U+FFFD, as it would have in UTF-8.
    """
    if b"\\u" not in payload:
        return None
    try:
        return decode_chunk(_encode(_mended(json.loads(payload))))
    except UNREADABLE:
        return None


def _mended(value: Any) -> Any:
    """`value` with lone surrogates in its texts replaced, and proper pairs joined."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, Mapping):
        return {_mended(name): _mended(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(inner) for inner in value]
    return value


def chat_body(
    request: ChatRequest, model: str, fields: Mapping[str, object], *, stream: bool, include_usage: bool
) -> bytes:
    """The JSON of a chat request. `model` is the id on the wire, `fields` are the settings as `core.parameters` writes them.

    `include_usage` asks for the extra usage chunk, which servers other than Groq send only then. Nulls are left out.
    """
    body: dict[str, object] = {"model": model, "messages": [_message(m) for m in request.messages]}
    for name, value in fields.items():
        if value is not None and name not in OWN_FIELDS:
            body[name] = value
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if stream:
        body["stream"] = True
        if include_usage:
            body["stream_options"] = {"include_usage": True}
    try:
        return _encode(body)
    except UnicodeEncodeError:
        # Half a surrogate pair, as broken copying leaves it.
        return _encode(_mended(body))


def _message(message: Message) -> Mapping[str, object]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id or "", "content": message.content}
    if message.role == "assistant" and message.tool_calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call in message.tool_calls
        ]
        if message.content:
            return {"role": "assistant", "content": message.content, "tool_calls": calls}
        return {"role": "assistant", "tool_calls": calls}
    return {"role": message.role, "content": message.content}


def _tool(tool: ToolSpec) -> Mapping[str, object]:
    function: dict[str, object] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}
