"""A chat server that is faster than every client: raw asyncio, prebuilt bytes, its own process.

The model name selects what happens: `whole` one JSON answer, `fast-N` N chunks flat out, `hang` one chunk and silence.
Chunks are 265 bytes in Groq's shape, one HTTP chunk an event. Prints its port; ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import sys

HEADERS = (
    "date: Tue, 24 Nov 2026 10:00:00 GMT\r\nconnection: keep-alive\r\nserver: cloudflare\r\nvia: 1.1 google\r\n"
    "cache-control: private, max-age=0, no-store, no-cache, must-revalidate\r\nvary: Origin\r\n"
    "x-groq-region: bra\r\nx-request-id: req_01kwj19w6ze8x8agspkbqs0taa\r\nx-ratelimit-limit-requests: 14400\r\n"
    "x-ratelimit-limit-tokens: 8000\r\nx-ratelimit-remaining-requests: 14399\r\nx-ratelimit-remaining-tokens: 7900\r\n"
    "x-ratelimit-reset-requests: 6s\r\nx-ratelimit-reset-tokens: 750ms\r\ncf-cache-status: DYNAMIC\r\n"
    "cf-ray: 8bdd43153af209bf-HFA\r\n"
)
USAGE = {
    "queue_time": 0.04,
    "prompt_tokens": 45,
    "prompt_time": 0.004,
    "completion_tokens": 1000,
    "completion_time": 1.0,
    "total_tokens": 1045,
    "total_time": 1.004,
}
CHUNK_BYTES = 265


def event(delta: dict[str, str], finish: str | None = None, **extra: object) -> bytes:
    body = {
        "id": "chatcmpl-7eb08824-fb8d-47af-a1f0-3aa786f2d1f3",
        "object": "chat.completion.chunk",
        "created": 1770770842,
        "model": "llama-3.3-70b-versatile",
        "system_fingerprint": "fp_f8b414701e",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **extra,
    }
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


def padded(text: str) -> bytes:
    """A content event of exactly CHUNK_BYTES."""
    found = event({"content": text})
    return event({"content": text + "x" * (CHUNK_BYTES - len(found))})


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


ROLE = http_chunk(event({"role": "assistant", "content": ""}, x_groq={"id": "req_01kh52ndshfr2azv0xe6tnv4fx"}))
TOKEN = http_chunk(padded("tok "))
END = (
    http_chunk(event({}, "stop", x_groq={"id": "req_01kh52ndshfr2azv0xe6tnv4fx", "usage": USAGE}, usage=USAGE))
    + http_chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)
STREAM_HEAD = (
    f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{HEADERS}transfer-encoding: chunked\r\n\r\n".encode()
)
WHOLE = json.dumps(
    {
        "id": "chatcmpl-7eb08824-fb8d-47af-a1f0-3aa786f2d1f3",
        "object": "chat.completion",
        "created": 1770770842,
        "model": "llama-3.3-70b-versatile",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "A short answer. " * 12},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
        "usage_breakdown": None,
        "system_fingerprint": "fp_f8b414701e",
        "x_groq": {"id": "req_01kh52ndshfr2azv0xe6tnv4fx", "seed": 1},
        "service_tier": "on_demand",
    }
).encode()
WHOLE_REPLY = (
    f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{HEADERS}content-length: {len(WHOLE)}\r\n\r\n".encode()
    + WHOLE
)
_BATCH = 240  # chunks a write: about what one loopback write takes at once


class Connection(asyncio.Protocol):
    """One connection; requests are answered in turn."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""
        self.left = 0
        self.full = False
        transport.set_write_buffer_limits(high=1 << 18)  # type: ignore[attr-defined]

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self.pump()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body = self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            self.answer(json.loads(body)["model"] if body else "")

    def answer(self, model: str) -> None:
        write = self.transport.write  # type: ignore[attr-defined]
        if model.startswith("fast-"):
            self.left = int(model[5:])
            write(STREAM_HEAD + ROLE)
            self.pump()
        elif model == "hang":
            write(STREAM_HEAD + ROLE + TOKEN)
        else:
            write(WHOLE_REPLY)

    def pump(self) -> None:
        write = self.transport.write  # type: ignore[attr-defined]
        while self.left and not self.full:
            count = min(self.left, _BATCH)
            self.left -= count
            write(TOKEN * count + (b"" if self.left else END))


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    closed = loop.run_in_executor(None, sys.stdin.read)
    await closed
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
