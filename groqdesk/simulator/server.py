"""A Groq on loopback: `with Simulator() as sim: ... sim.base_url`. Real HTTP on 127.0.0.1, in a thread of its own.

Paths: `/openai/v1/` (Groq's) and `/v1/` (OpenAI's naming): `models`, `models/{id}`, `chat/completions`.

Keys: any `Authorization: Bearer KEY` is accepted unless the key contains "invalid", "wrong" or white space; a script
can demand one exact key. Keys are not kept.
"""

import asyncio
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from groqdesk.simulator import chat, wire
from groqdesk.simulator.exchange import TRANSPORT, ClientGone, Exchange, Receive, RequestRecord, Send
from groqdesk.simulator.script import Fault, Script
from groqdesk.simulator.script import fault as check_fault
from groqdesk.simulator.world import World

HOST = "127.0.0.1"
_PREFIXES = ("/openai/v1/", "/v1/")
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0
_KEEP_ALIVE_S = 75

log = logging.getLogger(__name__)
# What clients do wrong on the wire (garbage, websockets) is their business; our own failures go to `log`.
_silent = logging.getLogger(f"{__name__}.protocol")
_silent.setLevel(logging.CRITICAL)


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with the transport within reach of the application."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = _silent

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it listens."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self.call_soon: Callable[[Callable[[], object]], object] = lambda action: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.call_soon = asyncio.get_running_loop().call_soon_threadsafe
        self._ready.set()


class Simulator:
    """The server. Start it with `start()` or as a context manager.

    `script` is a path, a dict or a `Script` (see `script.py`); `time_scale` makes limits refill that many times faster;
    `speed` (how many times faster than the model's catalogue speed tokens come, 0 = at once) overrides the script's.
    `start()` raises OSError when the port is taken, `ScriptError` comes from the constructor and from `reset`.
    All methods may be called from any thread.
    """

    def __init__(
        self,
        port: int = 0,
        script: Path | str | dict[str, Any] | Script | None = None,
        time_scale: float = 1.0,
        speed: float | None = None,
    ) -> None:
        self._wanted_port = port
        self.port = port
        self._first = (script, time_scale, speed)
        self._world = _new_world(script, time_scale, speed)
        self._changed = threading.Condition()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    # Lifetime

    def start(self) -> Self:
        """Listen; returns when requests are answered."""
        if self._thread is not None:
            raise RuntimeError("the simulator is already running")
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, self._wanted_port))
            # Listening begins here, so that a taken port fails in the caller and not in the thread.
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        ready = threading.Event()
        config = uvicorn.Config(
            self._application,
            http=_Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        # Four lines at each start and end say nothing to the reader of our log.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._stopping = False
        server = self._server = _Server(config, ready)
        self._thread = threading.Thread(target=server.run, args=([listener],), name="groqdesk-simulator", daemon=True)
        self._thread.start()
        if not ready.wait(_START_TIMEOUT_S):
            listener.close()
            raise RuntimeError("the simulator did not start")
        return self

    def stop(self) -> None:
        """Stop listening and break every open connection; quick, and harmless when it is not running."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._stopping = True
        server.call_soon(lambda: _close_all(server))
        thread.join(_STOP_TIMEOUT_S)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Control

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""
        return f"http://{HOST}:{self.port}/openai/v1"

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """What has arrived since the last reset, oldest first; the last 5,000 are kept."""
        return tuple(self._world.requests)

    def reset(
        self,
        script: Path | str | dict[str, Any] | Script | None = None,
        *,
        time_scale: float | None = None,
        speed: float | None = None,
    ) -> None:
        """Forget everything (limits, faults, log, cached prompts), break requests under way, follow a new script.

        Without arguments: back to the plain server with the time scale and speed given to the constructor.
        """
        old = self._world
        self._world = _new_world(
            script,
            self._first[1] if time_scale is None else time_scale,
            self._first[2] if speed is None else speed,
        )
        if self._server is not None and old.active:
            self._server.call_soon(lambda: _abort_all(old))

    def inject(self, **parts: Any) -> Fault:
        """Add one fault (the fields of a FAULT in `script.py`); its `fired` tells later how many requests it met."""
        fault = check_fault(parts)
        self._world.faults.append(fault)
        return fault

    def wait_until(self, condition: Callable[[tuple[RequestRecord, ...]], bool], timeout_s: float = 10.0) -> bool:
        """Wait until the log fulfils a condition (checked whenever a request arrives or ends); False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self.requests), timeout_s)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # Requests

    async def _application(self, scope: Any, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        world = self._world
        if self._stopping:
            exchange.transport.abort()
        world.active.add(exchange)
        world.requests.append(exchange.record)
        left = False
        try:
            fits = await exchange.read()
            self._notify()
            await _serve(world, exchange, fits)
        except ClientGone:
            left = True
        except Exception:
            log.exception("the simulator failed to answer %s %s", exchange.record.method, exchange.record.path)
            exchange.transport.abort()
            left = True
        finally:
            world.active.discard(exchange)
            exchange.finish(left=left or exchange.gone)
            self._notify()


def _new_world(script: Path | str | dict[str, Any] | Script | None, time_scale: float, speed: float | None) -> World:
    if not 0 < time_scale < 1e9:
        raise ValueError("time_scale: expected a number above 0")
    checked = script if isinstance(script, Script) else Script.load(script)
    return World(checked if speed is None else replace(checked, speed=speed), time_scale)


def _close_all(server: _Server) -> None:
    for connection in list(server.server_state.connections):
        transport = getattr(connection, "transport", None)
        if transport is not None:
            transport.abort()
    server.should_exit = True


def _abort_all(world: World) -> None:
    for exchange in tuple(world.active):
        exchange.transport.abort()


async def _serve(world: World, exchange: Exchange, fits: bool) -> None:
    record = exchange.record
    request_id = wire.new_request_id()
    headers = wire.common_headers(request_id)
    fault = world.fault_for(record.path, record.body) or Fault()
    exchange.framing = fault.framing
    if fault.delay_s:
        await exchange.pause(fault.delay_s)
    if fault.hang:
        await exchange.pause(None)
    if fault.reset:
        await exchange.reset()
    if fault.respond is not None:
        given = dict(fault.respond.headers)
        if fault.first_byte_delay_s:
            await exchange.start(fault.respond.status, headers | given)
            await exchange.pause(fault.first_byte_delay_s)
            await exchange.write(fault.respond.body)
            await exchange.end()
        else:
            await exchange.whole(fault.respond.status, headers | given, fault.respond.body)
        return
    headers |= wire.JSON_HEADERS
    if not fits:
        error = wire.error("Request Entity Too Large", code="request_too_large")
        await exchange.json(413, headers, {"error": error})
        return
    path = next((record.path.removeprefix(p) for p in _PREFIXES if record.path.startswith(p)), None)
    known = {"models": "GET", "chat/completions": "POST"}.get(path or "", "GET")
    if path is None or record.method != known or not (path in ("models", "chat/completions") or path[:7] == "models/"):
        await exchange.json(404, headers, {"error": wire.unknown_url(record.method, record.path)})
        return
    if not world.accepts(exchange.authorization):
        await exchange.json(401, headers, {"error": wire.error("Invalid API Key", code="invalid_api_key")})
        return
    if path == "chat/completions":
        await chat.complete(world, exchange, record.body, request_id, fault)
    elif path == "models":
        await exchange.json(200, headers, {"object": "list", "data": [model.as_json() for model in world.models()]})
    elif (model := world.model(path.removeprefix("models/"))) is not None:
        await exchange.json(200, headers, model.as_json())
    else:
        await exchange.json(404, headers, {"error": wire.model_not_found(path.removeprefix("models/"))})


def run(port: int = 0, script_path: Path | str | None = None, time_scale: float = 1.0) -> None:
    """Serve until SIGINT or SIGTERM. The first line of stdout is the base URL alone.

    For the main thread of a process. Raises OSError when the port is taken and `ScriptError` for a bad script, both
    before anything is printed.
    """
    over = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        over.set()

    with Simulator(port, script_path, time_scale) as simulator:
        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            sys.stdout.write(simulator.base_url + "\n")
            sys.stdout.flush()
            # A wait with a limit lets Windows deliver Ctrl+C, which an endless wait there holds back.
            while not over.wait(1.0 if sys.platform == "win32" else None):
                time.sleep(0)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
