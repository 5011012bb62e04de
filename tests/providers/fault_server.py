"""A raw HTTP server on loopback that can fail in every way a real one does. No HTTP library: real sockets, exact bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    connection: int = 0

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class Exchange:
    """One request and the socket to answer it on."""

    def __init__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.seen = seen
        self.writer = writer
        self.keep = False

    async def head(self, status: int = 200, *headers: str, kind: str = "text/event-stream") -> None:
        lines = [f"HTTP/1.1 {status} Status", f"content-type: {kind}", *headers]
        await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def piece(self, data: bytes) -> None:
        """One HTTP chunk."""
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")
        self.keep = True

    async def json(self, status: int, value: object, *headers: str) -> None:
        await self.whole(status, json.dumps(value).encode(), *headers, kind="application/json")

    async def whole(self, status: int, body: bytes, *headers: str, kind: str = "text/html") -> None:
        await self.head(status, f"content-length: {len(body)}", *headers, kind=kind)
        await self.raw(body)
        self.keep = True

    async def stream(self, *pieces: bytes, delay_s: float = 0.0) -> None:
        await self.head(200, "transfer-encoding: chunked")
        for piece in pieces:
            await self.piece(piece)
            if delay_s:
                await asyncio.sleep(delay_s)
        await self.end()

    def reset(self) -> None:
        """Closes with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Exchange], Awaitable[None]]


@dataclass
class FaultServer:
    """Answers each request with the next of `answers`; the last one stays."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def script(self, *answers: Answer) -> None:
        self.answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        number = self.connections
        task = asyncio.current_task()
        assert task is not None
        _tasks.add(task)
        try:
            while True:
                seen = await _read(reader, number)
                if seen is None:
                    break
                self.seen.append(seen)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                exchange = Exchange(seen, writer)
                await _until_gone(answer(exchange), reader)
                if not exchange.keep:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_connections -= 1
            self.stopped.set()
            writer.close()
            _tasks.discard(task)


_tasks: set[asyncio.Task] = set()


async def _until_gone(work: Awaitable[None], reader: asyncio.StreamReader) -> None:
    """Runs an answer; ends it when the client hangs up, so that Stop can be seen from here."""
    job = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(reader))
    try:
        await asyncio.wait({job, gone}, return_when=asyncio.FIRST_COMPLETED)
        if job.done():
            await job
    finally:
        for task in (job, gone):
            task.cancel()
        await asyncio.gather(job, gone, return_exceptions=True)


async def _gone(reader: asyncio.StreamReader) -> None:
    # A StreamReader can be asked for its end only by reading, which would take the next request's bytes.
    while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


async def _read(reader: asyncio.StreamReader, connection: int) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
    return Seen(method, path, headers, body, connection)


@asynccontextmanager
async def fault_server(ssl=None):
    server = FaultServer()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=ssl)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"http{'s' if ssl else ''}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listener.close()
        await asyncio.sleep(0)
        for task in list(_tasks):
            task.cancel()
        await asyncio.gather(*_tasks, return_exceptions=True)


def chunk(content: str | None = None, *, finish: str | None = None, **extra: object) -> bytes:
    """One event of Groq's stream."""
    delta: dict[str, object] = {} if content is None else {"content": content}
    delta.update({k: extra.pop(k) for k in ("reasoning", "reasoning_content", "tool_calls") if k in extra})
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "system_fingerprint": None,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **extra,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = {"queue_time": 0.1, "prompt_tokens": 10, "prompt_time": 0.01, "completion_tokens": 2, "completion_time": 0.02}
END = chunk(finish="stop", x_groq={"id": "req_1", "usage": USAGE}, usage=USAGE) + DONE
