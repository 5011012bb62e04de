"""The JSON that Groq puts on the wire: ids, errors, completions, chunks. Forms are those of recorded answers.

Written from the description of the API alone, without the client's own types: two readings of one document find each
other's mistakes.
"""

import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from groqdesk.simulator import tokens

_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
JSON_HEADERS = {
    "content-type": "application/json",
    "cache-control": "private, max-age=0, no-store, no-cache, must-revalidate",
}
CALL_TOKENS = 8
"""What a function call costs besides its name and arguments."""
STREAM_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache"}


def new_request_id() -> str:
    """A request id as Groq's: `req_` and a ULID of the present time in lower case."""
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return "req_" + "".join(_BASE32[(number >> shift) & 31] for shift in range(125, -5, -5))


def new_organization_id() -> str:
    """An organisation id as it stands in rate limit texts."""
    return "org_" + new_request_id()[4:]


def common_headers(request_id: str) -> dict[str, str]:
    """Headers of every answer."""
    return {
        "server": "cloudflare",
        "vary": "Origin",
        "via": "1.1 google",
        "x-groq-region": "sim",
        "x-request-id": request_id,
    }


def error(message: str, kind: str = "invalid_request_error", code: str | None = None, **more: Any) -> dict[str, Any]:
    """The inner error object; `code` and further fields are left out when None."""
    body: dict[str, Any] = {"message": message, "type": kind}
    if code is not None:
        body["code"] = code
    body.update({name: value for name, value in more.items() if value is not None})
    return body


def model_not_found(model: str) -> dict[str, Any]:
    """404: the model is unknown, retired, or only for other accounts."""
    return error(f"The model `{model}` does not exist or you do not have access to it.", code="model_not_found")


def model_decommissioned(model: str) -> dict[str, Any]:
    """400: the model was shut down."""
    return error(
        f"The model `{model}` has been decommissioned and is no longer supported. Please refer to "
        "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.",
        code="model_decommissioned",
    )


def unknown_url(method: str, path: str) -> dict[str, Any]:
    """404: no such path."""
    return error(
        f"Unknown request URL: {method} {path}. Please check the URL for typos, or see the docs at "
        "https://console.groq.com/docs/",
        code="unknown_url",
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One function call of an answer."""

    id: str
    name: str
    arguments: str

    def as_json(self) -> dict[str, Any]:
        """The call inside a message; a streamed delta adds `index`."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(slots=True)
class Usage:
    """Tokens and seconds of one completion. `total_time` leaves out the queue, as Groq's does."""

    prompt_tokens: int
    completion_tokens: int
    queue_s: float
    prompt_s: float
    completion_s: float
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """The usage object; the details are there only when they are not zero."""
        body: dict[str, Any] = {
            "queue_time": round(self.queue_s, 9),
            "prompt_tokens": self.prompt_tokens,
            "prompt_time": round(self.prompt_s, 9),
            "completion_tokens": self.completion_tokens,
            "completion_time": round(self.completion_s, 9),
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "total_time": round(self.prompt_s + self.completion_s, 9),
        }
        if self.cached_tokens:
            body["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        if self.reasoning_tokens:
            body["completion_tokens_details"] = {"reasoning_tokens": self.reasoning_tokens}
        return body


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished answer, ready to be sent whole or in pieces.

    `pieces` are (field, text, tokens) in the order of the stream, field `reasoning` or `content`. When there are only
    tool calls the plain form has no `content` at all.
    """

    model: str
    pieces: tuple[tuple[str, str, int], ...]
    calls: tuple[Call, ...]
    finish_reason: str
    usage: Usage
    seed: int
    channel: bool
    request_id: str
    service_tier: str = "on_demand"
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4()}")
    created: int = field(default_factory=lambda: int(time.time()))
    fingerprint: str = field(default_factory=lambda: f"fp_{secrets.token_hex(5)}")

    def _joined(self, name: str) -> str:
        return "".join(text for kind, text, _ in self.pieces if kind == name)

    def completion(self, *, with_usage: bool = True) -> dict[str, Any]:
        """The plain `chat.completion`."""
        message: dict[str, Any] = {"role": "assistant"}
        content = self._joined("content")
        if content or not self.calls:
            message["content"] = content
        if reasoning := self._joined("reasoning"):
            message["reasoning"] = reasoning
        if self.calls:
            message["tool_calls"] = [call.as_json() for call in self.calls]
        body: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}],
        }
        if with_usage:
            body["usage"] = self.usage.as_json()
        return body | {
            "usage_breakdown": None,
            "system_fingerprint": self.fingerprint,
            "x_groq": {"id": self.request_id, "seed": self.seed},
            "service_tier": self.service_tier,
        }

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": choices,
        }

    def _delta(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        return self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}])

    def first_chunk(self) -> dict[str, Any]:
        """Role, empty content, request id and seed."""
        chunk = self._delta({"role": "assistant", "content": ""})
        return chunk | {"x_groq": {"id": self.request_id, "seed": self.seed}}

    def deltas(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The chunks between the first and the last, each with the tokens it took to make it."""
        for kind, text, cost in self.pieces:
            delta = {kind: text, "channel": "analysis"} if self.channel and kind == "reasoning" else {kind: text}
            yield cost, self._delta(delta)
        for index, call in enumerate(self.calls):
            yield (
                CALL_TOKENS + tokens.count(call.name + call.arguments),
                self._delta({"tool_calls": [call.as_json() | {"index": index}]}),
            )

    def last_chunks(self, *, include_usage: bool, with_usage: bool = True) -> Iterator[dict[str, Any]]:
        """The finish chunk, which carries usage twice, and the extra one of `include_usage`."""
        finish = self._delta({}, self.finish_reason)
        if not with_usage:
            yield finish | {"x_groq": {"id": self.request_id}}
            return
        usage = self.usage.as_json()
        yield finish | {"x_groq": {"id": self.request_id, "usage": usage}, "usage": usage}
        if include_usage:
            yield self._chunk([]) | {"usage": usage, "service_tier": self.service_tier}

    def stopped_chunk(self, reason: Any) -> dict[str, Any]:
        """The chunk that says in `x_groq.error` (a string, or an object in third-party reports) why a stream stopped."""
        return self._delta({}) | {"x_groq": {"id": self.request_id, "error": reason}}


def new_call_id(*, channel: bool) -> str:
    """An id for a function call: `fc_<uuid>` on gpt-oss, nine letters and digits elsewhere."""
    if channel:
        return f"fc_{uuid.uuid4()}"
    return "".join(_BASE32[secrets.randbelow(32)] for _ in range(9))


def event(data: str, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data}\n\n".encode()


DONE = event("[DONE]")
