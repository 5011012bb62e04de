"""How late the window is while answers stream in through the engine, and what a thousand Stops leave behind.

    python -m benchmarks.bridge [--check] [--quick] [--view thread|plain]

1, 10 and 50 answers at 1,000 tokens/s each from a server in its own process, through GroqLLMProvider, the engine and
viewmodels/bridge.py into the window's thread; one of them is drawn. Lateness is that of a precise timer of 16 ms in the
window's thread, beside a control without streams in the same run; the median of three rounds of the difference of the
99th percentiles counts. A round whose answers took more than a tenth longer than they should is marked: it looks cheap.
Every character of every answer is compared.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from benchmarks import paced_server
from benchmarks._measure import Targets, percentile
from groqdesk.core.ids import now_ms
from groqdesk.core.messages import CallContext, ChatRequest, Message, TextDelta
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.engine import ThreadEngine
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.transport import HttpClient
from groqdesk.ui.loop import Application, run
from groqdesk.ui.theme import Theme, load_fonts
from groqdesk.ui.thread import ThreadView, Turn, warm_up
from groqdesk.viewmodels.bridge import consume

RATE = 1_000
TICK_MS = 16
TARGETS_MS = {1: 2.0, 10: 2.0, 50: 5.0}
CANCELS = 1_000
LAGGED = 1.1


class Clock:
    def now_ms(self) -> int:
        return now_ms()

    def monotonic_s(self) -> float:
        return time.monotonic()


class Provider:
    """GroqLLMProvider, made, used and closed in the engine."""

    def __init__(self, engine: ThreadEngine, base: str) -> None:
        self.engine, self.base = engine, base

    async def open(self) -> None:
        await self.engine.call(self._open)

    async def _open(self) -> None:
        timings, secret = Timings(), Secret("gsk_benchmark0000")

        async def key() -> Secret:
            return secret

        self.client = GroqClient(key, HttpClient(timings, proxies={}), timings, Clock(), base_url=self.base)
        self.llm = GroqLLMProvider(self.client, timings)

    def stream(self, tokens: int, rate: int = RATE) -> AsyncGenerator[Any, None]:
        request = ChatRequest(f"paced-{tokens}-{rate}", (Message("user", "Go."),), CallContext("action"))
        return self.llm.generate_streaming_response(request)

    async def first(self) -> str:
        """The first piece of an answer, as a call."""
        async with aclosing(self.stream(100_000)) as events:
            async for event in events:
                if type(event) is TextDelta:
                    return event.text
        raise AssertionError("an answer without text")

    async def close(self) -> None:
        await self.engine.call(self.client.aclose)


class Drawn:
    """What the user sees of the one visible answer."""

    def __init__(self, kind: str) -> None:
        self.number = 0
        self.thread: ThreadView | None = None
        self.plain = QPlainTextEdit()
        if kind == "thread":
            self.thread = ThreadView(Theme("dark"))
        self.widget: QWidget = self.thread or self.plain
        self.widget.resize(800, 700)
        self.widget.show()

    def begin(self) -> None:
        self.number += 1
        if self.thread is not None:
            self.thread.set_turns([])
            self.thread.begin_stream(Turn(f"a{self.number}", "assistant", ""))
        else:
            self.plain.clear()

    def add(self, text: str) -> None:
        if self.thread is not None:
            self.thread.feed(f"a{self.number}", text)
        else:
            self.plain.moveCursor(QTextCursor.MoveOperation.End)
            self.plain.insertPlainText(text)

    def end(self) -> None:
        if self.thread is not None:
            self.thread.end_stream(f"a{self.number}")


class Lateness:
    """A precise timer of 16 ms; `late_ms` holds how much later than that each tick came."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Lateness:
        self._last_s = time.perf_counter()
        self._timer.start()
        return self

    def _tick(self) -> None:
        now_s = time.perf_counter()
        self.late_ms.append(max(0.0, (now_s - self._last_s) * 1e3 - TICK_MS))
        self._last_s = now_s

    def __exit__(self, *exc: object) -> None:
        self._timer.stop()

    def p(self, share: float) -> float:
        return percentile(self.late_ms, share)


@dataclass
class Round:
    """One measurement with streams: lateness, CPU shares of a core, batches handed over a second and stream."""

    idle: Lateness
    busy: Lateness
    took: float
    window_cpu: float
    engine_cpu: float
    batches: float

    @property
    def added_ms(self) -> float:
        return self.busy.p(0.99) - self.idle.p(0.99)


async def cpu_s() -> float:
    return time.thread_time()


async def one_round(engine: ThreadEngine, provider: Provider, drawn: Drawn, streams: int, seconds: float) -> Round:
    tokens = int(seconds * RATE)
    whole = paced_server.text(tokens)
    with Lateness() as idle:
        await asyncio.sleep(seconds)
    drawn.begin()
    texts: list[list[str]] = [[] for _ in range(streams)]
    batches = 0

    async def read(number: int) -> None:
        def on_batch(batch: list[Any]) -> None:
            nonlocal batches
            batches += 1
            new = "".join(event.text for event in batch if type(event) is TextDelta)
            texts[number].append(new)
            if number == 0:
                drawn.add(new)

        await consume(engine, provider.stream, tokens, on_batch=on_batch)

    window_s, engine_s, started_s = time.thread_time(), await engine.call(cpu_s), time.perf_counter()
    with Lateness() as busy:
        await asyncio.gather(*(read(number) for number in range(streams)))
    took_s = time.perf_counter() - started_s
    window_s, engine_s = time.thread_time() - window_s, await engine.call(cpu_s) - engine_s
    drawn.end()
    for number, pieces in enumerate(texts):
        assert "".join(pieces) == whole, f"answer {number} of {streams} is not what was sent"
    per_core = 100 / took_s
    return Round(idle, busy, took_s / seconds, window_s * per_core, engine_s * per_core, batches / took_s / streams)


async def lateness(engine: ThreadEngine, provider: Provider, drawn: Drawn, targets: Targets, *, quick: bool) -> None:
    seconds, rounds = (1.0, 3) if quick else (2.5, 3)
    await one_round(engine, provider, drawn, 2, 0.5)  # warm: imports, fonts, connections
    found = {n: [await one_round(engine, provider, drawn, n, seconds) for _ in range(rounds)] for n in TARGETS_MS}
    print("streams   idle p99   p50 / p95 / p99 ms      window CPU   engine CPU   batches/s   took")
    for streams, measured in found.items():
        for one in measured:
            print(
                f"{streams:7}   {one.idle.p(0.99):8.2f}   {one.busy.p(0.5):.2f} / {one.busy.p(0.95):.2f} / "
                f"{one.busy.p(0.99):<10.2f} {one.window_cpu:8.1f} %   {one.engine_cpu:8.1f} %   {one.batches:9.1f}   "
                f"x {one.took:.2f}{'  LAGGED' if one.took > LAGGED else ''}"
            )
    for streams, measured in found.items():
        added = statistics.median(one.added_ms for one in measured)
        targets.at_most(f"lateness p99 over idle, {streams} streams", added, TARGETS_MS[streams], "ms")


async def other_tasks() -> int:
    return len(asyncio.all_tasks()) - 1


def sockets() -> int:
    count = 0
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


async def cancels(engine: ThreadEngine, provider: Provider) -> dict[str, int]:
    """A thousand answers stopped at random points in five ways, fifty at a time; what is left in the engine."""
    dice = random.Random(1122)
    begun = 0

    async def read() -> None:
        await consume(engine, provider.stream, 100_000, on_batch=lambda _: None)

    async def stop_after(batches: int) -> None:
        async with aclosing(engine.stream(provider.stream, 100_000)) as stream:
            for _ in range(batches):
                await anext(stream)

    async def cancel(task: asyncio.Task[Any], within_s: float) -> None:
        await asyncio.sleep(dice.random() * within_s)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def one() -> None:
        nonlocal begun
        begun += 1
        loop = asyncio.get_running_loop()
        match dice.randrange(5):
            case 0:
                await stop_after(dice.randrange(4))
            case 1:
                await cancel(loop.create_task(read()), 0.06)
            case 2:
                await cancel(loop.create_task(engine.call(provider.first)), 0.02)
            case 3:
                stream = engine.stream(provider.stream, 100_000)
                if dice.randrange(2):
                    await anext(stream)
                del stream  # the widget that read it is gone
            case 4:
                await cancel(loop.create_task(stop_after(1_000_000)), 0.06)

    for _ in range(CANCELS // 50):
        await asyncio.gather(*(one() for _ in range(50)))
    assert begun == CANCELS
    end_s = time.monotonic() + 5
    while engine.jobs and time.monotonic() < end_s:  # noqa: ASYNC110  # the engine knows nothing of this loop
        await asyncio.sleep(0.01)
    return {"jobs": len(engine.jobs), "tasks": await engine.call(other_tasks)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if a figure is beyond 1.25 times its target")
    parser.add_argument("--quick", action="store_true", help="three short rounds; figures jump more")
    parser.add_argument("--view", choices=["thread", "plain"], default="thread", help="what draws the visible answer")
    options = parser.parse_args()
    targets = Targets()
    command = [sys.executable, "-m", "benchmarks.paced_server"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    base = f"http://127.0.0.1:{server.stdout.readline().strip()}/openai/v1"

    async def window(_: Application) -> int:
        load_fonts()
        warm_up()
        drawn = Drawn(options.view)
        sockets_before, threads_before = sockets(), threading.active_count()
        async with ThreadEngine() as engine:
            provider = Provider(engine, base)
            await provider.open()
            await lateness(engine, provider, drawn, targets, quick=options.quick)
            left = await cancels(engine, provider)
            await provider.close()
        left["sockets"] = sockets() - sockets_before
        left["threads"] = threading.active_count() - threads_before
        for what, count in left.items():
            targets.at_most(f"{what} left by {CANCELS:,} random cancels", count, 0)
        drawn.widget.close()
        return 0

    try:
        code = run(window, ["benchmark"])
    finally:
        server.stdin.close()
        server.wait(10)
    targets.at_most("connections the server still sees", int(server.stdout.read()), 0)
    server.stdout.close()
    return code or targets.exit_code(check=options.check)


if __name__ == "__main__":
    raise SystemExit(main())
