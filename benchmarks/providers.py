"""What a call costs: CPU and memory of our provider layer beside the official clients, in one run.

    python -m benchmarks.providers [--quick] [--check]

Each client runs in a process of its own against benchmarks/fast_server.py; figures are the client's own CPU time (getrusage).
Three rounds; the ratio to the groq SDK is taken inside each round, for both then suffer the same noise, and the median of the
three is shown. Answers are checked. `--check` ends with 1 when a ratio lies beyond 1.25 times its target.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

CLIENTS = ("ours", "groq", "openai", "httpx")
TARGETS = {"call": 0.35, "chunk": 0.05, "first_token": 0.35, "import": 0.6, "memory": 0.75}
TITLES = {
    "call": "call, not streamed: CPU",
    "chunk": "streamed chunk, flat out: CPU",
    "first_token": "first token of a stream: CPU",
    "import": "import and construct: CPU",
    "memory": "memory of an open stream",
}
UNITS = {"call": "us", "chunk": "us", "first_token": "us", "import": "ms", "memory": "KB"}
SLACK = 1.25
TEXT = "Tell me about the sea."
KEY = "gsk_benchmark0000"


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Client:
    """What each client can do: one whole answer, one stream of text pieces."""

    whole: Callable[[str], Awaitable[str]]
    stream: Callable[[str], AsyncIterator[str]]


def ours(base: str) -> Client:
    """GroqLLMProvider inside Metered, on the fast transport: what an answer in the window goes through."""
    from groqdesk.core.ids import now_ms
    from groqdesk.core.messages import CallContext, ChatRequest, Message, TextDelta
    from groqdesk.core.secrets import Secret
    from groqdesk.core.settings import Timings
    from groqdesk.core.usage import ProviderUsage, TokenPrice
    from groqdesk.providers.groq import GroqClient, GroqLLMProvider
    from groqdesk.providers.metered import Metered
    from groqdesk.providers.transport import HttpClient

    # Loaded with the first request; counted here, for the SDKs load theirs at once. Only the TLS context stays out: it is
    # built once for all providers at the first https request (about 20 ms), while each SDK client builds its own at once.
    importlib.import_module("groqdesk.providers.fast_transport")

    class Clock:
        def now_ms(self) -> int:
            return now_ms()

        def monotonic_s(self) -> float:
            return time.monotonic()

    class Ledger:
        def __init__(self) -> None:
            self.count = 0

        def add(self, record: ProviderUsage) -> None:
            self.count += 1

    secret, timings, price = Secret(KEY), Timings(), TokenPrice(150_000_000, 600_000_000)

    async def key() -> Secret:
        return secret

    client = GroqClient(key, HttpClient(timings, proxies={}), timings, Clock(), base_url=base)
    provider = Metered(GroqLLMProvider(client, timings), Ledger(), lambda _p, _m: price, Clock())

    def request(model: str) -> ChatRequest:
        return ChatRequest(model, (Message("user", TEXT),), CallContext("action"))

    class Ours(Client):
        async def whole(self, model: str) -> str:  # type: ignore[override]
            return (await provider.generate_response(request(model))).text

        async def stream(self, model: str) -> AsyncIterator[str]:  # type: ignore[override]
            async for event in provider.generate_streaming_response(request(model)):
                if type(event) is TextDelta:
                    yield event.text

    return Ours()


def sdk(base: str, module: str) -> Client:
    """The groq or openai SDK as its own pages show it."""
    client: Any
    if module == "groq":
        import groq

        client = groq.AsyncGroq(api_key=KEY, base_url=base.removesuffix("/openai/v1"))
    else:
        import openai

        client = openai.AsyncOpenAI(api_key=KEY, base_url=base)
    completions = client.chat.completions
    messages = [{"role": "user", "content": TEXT}]

    class Sdk(Client):
        async def whole(self, model: str) -> str:  # type: ignore[override]
            reply = await completions.create(model=model, messages=messages)
            return str(reply.choices[0].message.content)

        async def stream(self, model: str) -> AsyncIterator[str]:  # type: ignore[override]
            async for chunk in await completions.create(model=model, messages=messages, stream=True):
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    return Sdk()


def raw_httpx(base: str) -> Client:
    """httpx by hand: aiter_lines and json."""
    import httpx

    client = httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
    url = base + "/chat/completions"

    def body(model: str, stream: bool) -> dict[str, object]:
        return {"model": model, "messages": [{"role": "user", "content": TEXT}], "stream": stream}

    class Raw(Client):
        async def whole(self, model: str) -> str:  # type: ignore[override]
            reply = await client.post(url, json=body(model, False))
            return str(reply.json()["choices"][0]["message"]["content"])

        async def stream(self, model: str) -> AsyncIterator[str]:  # type: ignore[override]
            async with client.stream("POST", url, json=body(model, True)) as reply:
                async for line in reply.aiter_lines():
                    if line.startswith("data: {"):
                        choices = json.loads(line[6:])["choices"]
                        if choices and choices[0]["delta"].get("content"):
                            yield choices[0]["delta"]["content"]

    return Raw()


def make(name: str, base: str) -> Client:
    if name == "ours":
        return ours(base)
    return raw_httpx(base) if name == "httpx" else sdk(base, name)


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def measured(client: Client, quick: bool) -> dict[str, float]:
    calls, chunks, firsts = (60, 4000, 60) if quick else (500, 20_000, 500)
    streams = 70  # with the 20 before them just below the pool of the groq SDK
    result: dict[str, float] = {}

    async def drained(model: str) -> int:
        return sum([len(text) async for text in client.stream(model)])

    for _ in range(10):  # warm
        assert (await client.whole("whole")).startswith("A short answer.")
        assert await drained("fast-3") > 0
    size = await drained("fast-1")
    gc.collect()
    started = cpu_s()
    for _ in range(calls):
        await client.whole("whole")
    result["call"] = (cpu_s() - started) / calls * 1e6

    started = cpu_s()
    for _ in range(firsts):
        await drained("fast-1")
    result["first_token"] = (cpu_s() - started) / firsts * 1e6

    started = cpu_s()
    for _ in range(3):
        assert await drained(f"fast-{chunks}") == size * chunks, "text was lost"
    result["chunk"] = (cpu_s() - started) / (3 * chunks) * 1e6

    async def held(count: int) -> list[AsyncIterator[str]]:
        found = []
        for _ in range(count):
            source = client.stream("hang")
            await anext(source)
            found.append(source)
        return found

    first = await held(20)  # the pages that the first ones need anyway
    gc.collect()
    before = rss_bytes()
    more = await held(streams)
    gc.collect()
    result["memory"] = (rss_bytes() - before) / streams / 1024
    for source in [*first, *more]:
        await source.aclose()  # type: ignore[attr-defined]
    return result


def child(name: str, base: str, quick: bool) -> None:
    started = cpu_s()
    client = make(name, base)
    result = {"import": (cpu_s() - started) * 1e3}
    sys.stdout.write(json.dumps(result | asyncio.run(measured(client, quick))))


def one_round(quick: bool) -> dict[str, dict[str, float]]:
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fast_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        base = f"http://127.0.0.1:{server.stdout.readline().strip()}/openai/v1"
        found = {}
        for name in CLIENTS:
            command = [sys.executable, "-m", "benchmarks.providers", "--client", name, "--base", base]
            # Everybody's bytecode is cached, ours from a clone too.
            cached = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
            done = subprocess.run(
                [*command, *(["--quick"] if quick else [])], capture_output=True, text=True, env=cached
            )
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr}")
            found[name] = json.loads(done.stdout)
        return found
    finally:
        server.stdin.close()
        server.wait(5)
        server.stdout.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls; figures jump more")
    parser.add_argument("--check", action="store_true", help=f"end with 1 beyond {SLACK} times a target")
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--base", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        child(options.client, options.base, options.quick)
        return 0
    rounds = [one_round(options.quick) for _ in range(3)]
    late = []
    for name, title in TITLES.items():
        print(f"\n{title} ({UNITS[name]}), target {TARGETS[name]} of the groq SDK")
        for client in CLIENTS:
            value = statistics.median(r[client][name] for r in rounds)
            ratios = sorted(r[client][name] / r["groq"][name] for r in rounds)
            ratio = statistics.median(ratios)
            print(f"  {client:7} {value:10.1f}   {ratio:6.3f}  (rounds {', '.join(f'{r:.3f}' for r in ratios)})")
            if client == "ours" and ratio > TARGETS[name] * SLACK:
                late.append(f"{name}: {ratio:.3f} of {TARGETS[name]}")
    if late:
        print("\nBeyond the target: " + "; ".join(late))
    return 1 if options.check and late else 0


if __name__ == "__main__":
    sys.exit(main())
