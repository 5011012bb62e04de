"""A chat server that sends tokens at a steady pace on many connections, in its own process.

The model name says how many and how fast: `paced-2500-1000` sends 2,500 tokens at 1,000 a second, each a chunk of its
own. Prints its port. When its standard input closes it waits for clients to leave, two seconds at most, prints how many
connections are still open, and ends.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys

from benchmarks.fast_server import END, ROLE, STREAM_HEAD, event, http_chunk

TICK_S = 0.001


def token(number: int) -> str:
    """The text of one token: four characters, a new paragraph each 60."""
    return f"{number % 1000:03d}" + ("\n\n" if number % 60 == 59 else " ")


def text(count: int) -> str:
    """The whole answer, to check what arrived."""
    return "".join(token(number) for number in range(count))


@functools.cache
def chunk(number: int) -> bytes:
    return http_chunk(event({"content": token(number)}))


class Answer(asyncio.Protocol):
    """One connection and the answer that runs on it."""

    running: set[Answer]
    open: set[Answer]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""
        self.count = self.sent = 0
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.discard(self)
        self.running.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().find(b"content-length:")
        size = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(body) < size:
            return
        self.buffer = body[size:]
        _, count, rate = json.loads(body[:size])["model"].split("-")
        self.count, self.sent, self.rate = int(count), 0, int(rate)
        self.started_s = asyncio.get_running_loop().time()
        self.transport.write(STREAM_HEAD + ROLE)  # type: ignore[attr-defined]
        self.running.add(self)

    def send_due(self, now_s: float) -> None:
        due = min(self.count, int((now_s - self.started_s) * self.rate))
        if due == self.sent:
            return
        data = b"".join(map(chunk, range(self.sent, due)))
        self.sent = due
        if due == self.count:
            data += END
            self.running.discard(self)
        self.transport.write(data)  # type: ignore[attr-defined]


async def main() -> None:
    loop = asyncio.get_running_loop()
    Answer.running, Answer.open = set(), set()
    server = await loop.create_server(Answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    closed = loop.run_in_executor(None, sys.stdin.read)
    next_s = loop.time()
    while not closed.done():
        now_s = loop.time()
        for answer in list(Answer.running):
            answer.send_due(now_s)
        next_s = max(next_s + TICK_S, loop.time())
        await asyncio.sleep(next_s - loop.time())
    for _ in range(200):
        if not Answer.open:
            break
        await asyncio.sleep(0.01)
    print(len(Answer.open), flush=True)
    server.close()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
