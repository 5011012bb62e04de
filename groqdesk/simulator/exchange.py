"""One HTTP request and its answer, down to the socket: chunks as events, silence, cuts and resets.

An `Exchange` is one ASGI call. It reaches the transport through the scope (the server's protocol class puts it there),
because a TCP reset or a chunked body without an end cannot be said in ASGI.
"""

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from groqdesk.simulator.script import Framing

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRANSPORT = "groqdesk.transport"
"""The key in the scope's `extensions` under which the transport is found."""

MAX_BODY_BYTES = 128 * 1024 * 1024
_SETTLE_S = 0.02
_COMMENT = b": practice comment\n\n"


class ClientGone(Exception):
    """The client closed the connection, or the server is stopping."""


@dataclass(slots=True, eq=False)
class RequestRecord:
    """What arrived, and how it went. Filled in while the request is served.

    `headers` are lower-case; the value of `authorization` is replaced by its scheme and `(redacted)`. `body` is the
    parsed JSON (None if it is none). `at_s` is monotonic time. `status` is None until headers were sent;
    `disconnected` tells that the client left before the end; `finished` that the server is done with it.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any = None
    raw_body: bytes = b""
    at_s: float = field(default_factory=time.monotonic)
    status: int | None = None
    disconnected: bool = False
    finished: bool = False
    chunks: int = 0


class Exchange:
    """Reads one request and writes one answer."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.authorization = headers.get("authorization", "")
        if "authorization" in headers:
            headers["authorization"] = f"{self.authorization.split(' ')[0]} (redacted)"
        self.record = RequestRecord(
            scope["method"], scope["path"], scope.get("query_string", b"").decode("latin-1"), headers
        )
        self.framing = Framing()
        self._first_write = True
        self._ended = False

    @property
    def gone(self) -> bool:
        """Whether nobody listens any more."""
        return self.transport.is_closing()

    async def read(self) -> bool:
        """Read the whole body into the record; False if it is larger than `MAX_BODY_BYTES`."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size <= MAX_BODY_BYTES:
                parts.append(part)
            if not message.get("more_body"):
                break
        self.record.raw_body = b"".join(parts)
        if "json" in self.record.headers.get("content-type", "json"):
            with contextlib.suppress(ValueError, RecursionError):
                self.record.body = json.loads(self.record.raw_body)
        return size <= MAX_BODY_BYTES

    async def pause(self, seconds: float | None) -> None:
        """Wait so long (None: for ever); raises `ClientGone` as soon as the client leaves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
            raise ClientGone
        if self.gone:
            raise ClientGone

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and headers; without a content-length the body is chunked."""
        self.record.status = status
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def write(self, data: bytes) -> None:
        """Send one piece of a chunked body, as one HTTP chunk unless the framing cuts it smaller."""
        if self.gone:
            raise ClientGone
        framing = self.framing
        if framing.comments:
            data = _COMMENT + data
        if framing.crlf:
            data = data.replace(b"\n", b"\r\n")
        if framing.bom and self._first_write:
            data = b"\xef\xbb\xbf" + data
        self._first_write = False
        self.record.chunks += 1
        size = framing.split_bytes or len(data)
        for at in range(0, len(data), size):
            await self._send({"type": "http.response.body", "body": data[at : at + size], "more_body": True})
            if framing.split_bytes:
                await asyncio.sleep(0)

    async def end(self) -> None:
        """End the body properly."""
        self._ended = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a complete answer."""
        if self.framing == Framing():
            await self.start(status, {**headers, "content-length": str(len(body))})
            self._ended = True
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
            return
        await self.start(status, headers)
        await self.write(body)
        await self.end()

    async def json(self, status: int, headers: Mapping[str, str], value: Any) -> None:
        """Send a complete JSON answer."""
        await self.whole(status, headers, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    async def reset(self) -> None:
        """Break the TCP connection with RST. Never returns: raises `ClientGone`."""
        # What was written before is given time to be read, as on a real network; RST overtakes unread bytes.
        await asyncio.sleep(_SETTLE_S if self.record.status is not None else 0)
        raw: socket.socket | None = self.transport.get_extra_info("socket")
        if raw is not None and not self.gone:
            # uvloop's socket object has no setsockopt; a duplicate speaks to the same connection.
            with socket.fromfd(raw.fileno(), raw.family, raw.type) as duplicate:
                duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self.pause(None)

    async def close(self) -> None:
        """Close the connection in the middle of the body. Never returns: raises `ClientGone`."""
        self.transport.close()
        await self.pause(None)

    def finish(self, *, left: bool) -> None:
        """Mark the record as done; `left` tells that the client went away before the end."""
        self.record.disconnected = left and not self._ended
        self.record.finished = True
