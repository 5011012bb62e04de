"""A thousand cancels at random points leave no task, socket or thread."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from groqdesk.engine import ThreadEngine
from tests.engine.conftest import Drive, other_tasks, read_all, until


class StreamingServer(threading.Thread):
    """HTTP on loopback that streams one chunk a millisecond until the client leaves."""

    def __init__(self) -> None:
        super().__init__(name="server", daemon=True)
        self.open = 0
        self.served = 0
        self.port = 0
        self._ready = threading.Event()

    def __enter__(self) -> StreamingServer:
        self.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self.join()

    def run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._leave.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.served += 1
        gone = asyncio.create_task(reader.read())  # ends when the client leaves
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not gone.done():
                writer.write(b"8\r\ndata: x\n\r\n")
                await asyncio.wait([gone], timeout=0.001)
        finally:
            with contextlib.suppress(OSError):
                await gone
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.open -= 1


async def lines(port: int) -> AsyncGenerator[bytes, None]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        while True:
            size = int(await reader.readline(), 16)
            yield (await reader.readexactly(size + 2))[:-2]
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def first_line(port: int) -> bytes:
    async with aclosing(lines(port)) as found:
        return await anext(found)


def sockets() -> int:
    count = 0
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts sockets in /proc")
def test_a_thousand_random_cancels_leave_nothing(drive: Drive, engine: ThreadEngine) -> None:
    dice = random.Random(20261122)

    async def one(port: int) -> None:
        match dice.randrange(5):
            case 0:  # Stop after a few batches
                async with aclosing(engine.stream(lines, port)) as stream:
                    for _ in range(dice.randrange(3)):
                        assert set(await anext(stream)) == {b"data: x\n"}
            case 1:  # the reader's task is cancelled anywhere
                task = asyncio.create_task(read_all(engine, lines, port))
                await asyncio.sleep(dice.random() * 0.02)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
            case 2:  # the widget is deleted
                stream = engine.stream(lines, port)
                if dice.randrange(2):
                    await anext(stream)
            case 3:  # a call is cancelled anywhere
                call = asyncio.create_task(engine.call(first_line, port))
                await asyncio.sleep(dice.random() * 0.004)
                call.cancel()
                await asyncio.wait([call])
                assert call.cancelled() or call.result() == b"data: x\n"
            case 4:  # stopped before it began
                await engine.stream(lines, port).aclose()

    async def main(port: int) -> None:
        for _ in range(20):
            await asyncio.gather(*(one(port) for _ in range(50)))
        await until(lambda: not engine.jobs)
        assert await engine.call(other_tasks) == 0

    with StreamingServer() as server:
        threads, before = threading.active_count(), sockets()
        drive(main(server.port))
        asyncio.run(until(lambda: server.open == 0))
        assert server.served > 300
        assert threading.active_count() == threads
        assert sockets() == before
