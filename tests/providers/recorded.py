"""The recordings of tests/recordings as interactions, and a second, plain reading of what each must come to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from groqdesk.providers.cassettes import Interaction, Piece

FOLDER = Path(__file__).parent.parent / "recordings"
INDEX = json.loads((FOLDER / "INDEX.json").read_text("utf-8"))
_HOP = {"content-encoding", "transfer-encoding", "connection", "content-length"}


@dataclass
class Recording:
    name: str
    status: int
    streamed: bool
    body: bytes
    headers: list[tuple[str, str]]
    request: dict | None

    def interaction(self, request_body: bytes, *, cut: int | None = None, clean: bool = True) -> Interaction:
        """As a reply to `request_body`, cut after `cut` bytes, by a clean end or a broken connection."""
        return Interaction(
            "POST",
            "https://api.groq.com/openai/v1/chat/completions",
            body=request_body,
            status=self.status,
            headers=self.headers,
            pieces=[Piece(0, self.body if cut is None else self.body[:cut])],
            complete=clean,
        )


@dataclass
class Expected:
    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    finish: str = ""
    prompt: int | None = None
    completion: int | None = None
    cached: int = 0
    thought: int = 0


def load() -> list[Recording]:
    found = []
    for entry in INDEX:
        files = {
            name.rpartition("response")[2] if "request" not in name else "request": name for name in entry["files"]
        }
        body_name = next(name for name in entry["files"] if ".response.json" in name or ".response.sse" in name)
        request = files.get("request")
        head = next((name for name in entry["files"] if "response-headers" in name), None)
        streamed = body_name.endswith(".sse")
        headers = {"content-type": "text/event-stream" if streamed else "application/json"}
        if head is not None:
            headers.update(json.loads((FOLDER / head).read_text("utf-8"))["headers"])
        found.append(
            Recording(
                name=entry["name"],
                status=int(entry["status"]),
                streamed=streamed,
                body=(FOLDER / body_name).read_bytes(),
                headers=[(k, v) for k, v in headers.items() if k.lower() not in _HOP],
                request=None if request is None else json.loads((FOLDER / request).read_text("utf-8")),
            )
        )
    return found


RECORDINGS = load()
STREAMS = [r for r in RECORDINGS if r.streamed]


def _usage(expected: Expected, usage: dict | None) -> None:
    if usage:
        expected.prompt, expected.completion = usage["prompt_tokens"], usage["completion_tokens"]
        expected.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        expected.thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)


def expected_of(recording: Recording) -> Expected:
    """Read with the standard library only, and in the plainest way."""
    result = Expected()
    if not recording.streamed:
        value = json.loads(recording.body)
        message = value["choices"][0]["message"]
        result.text = message.get("content") or ""
        result.reasoning = message.get("reasoning") or ""
        result.calls = [
            (c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or []
        ]
        result.finish = value["choices"][0]["finish_reason"]
        _usage(result, value.get("usage"))
        return result
    calls: dict[int, list[str]] = {}
    for line in recording.body.decode("utf-8").split("\n"):
        if not line.startswith("data: {"):
            continue
        value = json.loads(line[6:])
        if "error" in value:
            break
        for choice in value["choices"]:
            delta = choice["delta"]
            result.text += delta.get("content") or ""
            result.reasoning += delta.get("reasoning") or ""
            for call in delta.get("tool_calls") or []:
                slot = calls.setdefault(call["index"], ["", "", ""])
                slot[0] = slot[0] or call.get("id", "")
                slot[1] = slot[1] or call["function"].get("name", "")
                slot[2] += call["function"].get("arguments", "")
            result.finish = choice["finish_reason"] or result.finish
        _usage(result, value.get("usage") or (value.get("x_groq") or {}).get("usage"))
    result.calls = [tuple(calls[index]) for index in sorted(calls)]  # type: ignore[misc]
    return result
