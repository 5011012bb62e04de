"""Record and replay at the transport seam: any call, with the timing of its chunks, as a plain readable JSON file.

A cassette is `{"format", "version", "interactions": [{"request", "response"}]}`. Bodies stand as text (a stream of events as
the text of its chunks), as base64 only where the bytes are no UTF-8. Keys, cookies and organisation ids are taken out before
anything is written. Replaying opens no socket.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import math
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from groqdesk.core.errors import LocalProblem

log = logging.getLogger(__name__)

FORMAT: Final = "groqdesk cassette"
VERSION: Final = 1
SAVE_EVERY_S: Final = 1.0

_REQUEST_HEADERS: Final = frozenset({"accept", "content-type", "user-agent"})
_DROPPED_HEADERS: Final = frozenset(
    {"set-cookie", "cookie", "authorization", "proxy-authenticate", "www-authenticate", "cf-ray", "openai-organization",
     "openai-project", "content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"}
)  # fmt: skip
# Replaced by as many bytes as they had, so that chunks keep their places even where a key lies across two of them. Real
# ones have far more than 16 characters after the prefix; words such as org-mode or "bearer tokens" have fewer.
_SECRETS: Final = re.compile(
    rb"(?<![A-Za-z0-9])((?:gsk|sk|rk|pk)[_-]|org[_-]|Bearer )([A-Za-z0-9._~+/=\-]{16,})", re.IGNORECASE
)


def redact_bytes(data: bytes) -> bytes:
    """`data` with the same length, keys, bearer tokens and organisation ids overwritten."""
    return _SECRETS.sub(lambda found: found[1] + b"x" * len(found[2]), data)


class CassetteMiss(LocalProblem):
    """No recording fits a request; the message names the nearest one and what differs."""

    action = "Show details"


@dataclass(slots=True)
class Piece:
    """Bytes of a body and the milliseconds that passed since the piece before, or since the request."""

    after_ms: float
    data: bytes


@dataclass(slots=True)
class Interaction:
    """One request and its reply. `error` is the name of an httpx error in place of a reply, or of the end of its body.

    `complete` is False where the recording was cut, for instance because the caller hung up.
    """

    method: str
    url: str
    request_headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    head_after_ms: float = 0.0
    pieces: list[Piece] = field(default_factory=list)
    error: str = ""
    complete: bool = False

    @property
    def path(self) -> str:
        return httpx.URL(self.url).path

    def as_json(self) -> dict[str, Any]:
        """The interaction as written, redacted."""
        whole = redact_bytes(b"".join(piece.data for piece in self.pieces))
        chunks, position = [], 0
        for piece in self.pieces:
            part = whole[position : position + len(piece.data)]
            position += len(piece.data)
            chunks.append({"after_ms": round(piece.after_ms, 3), **_written(part)})
        response: dict[str, Any] = {
            "status": self.status,
            "headers": [[name, redact_bytes(value.encode()).decode()] for name, value in self.headers],
            "after_ms": round(self.head_after_ms, 3),
            "chunks": chunks,
            "complete": self.complete,
        }
        if self.error:
            response["error"] = self.error
        body = redact_bytes(self.body)
        request: dict[str, Any] = {
            "method": self.method,
            "url": redact_bytes(self.url.encode()).decode(),
            "headers": self.request_headers,
        }
        document = _json_of(body)
        request.update({"json": document} if document is not None else _written(body) if body else {})
        return {"request": request, "response": response}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Interaction:
        request, response = value["request"], value["response"]
        body = json.dumps(request["json"]).encode() if "json" in request else _read(request)
        return Interaction(
            method=str(request["method"]),
            url=str(request["url"]),
            request_headers=dict(request.get("headers", {})),
            body=body,
            status=int(response["status"]),
            headers=[(str(name), str(text)) for name, text in response.get("headers", [])],
            head_after_ms=float(response.get("after_ms", 0)),
            pieces=[Piece(float(chunk.get("after_ms", 0)), _read(chunk)) for chunk in response.get("chunks", [])],
            error=str(response.get("error", "")),
            complete=bool(response.get("complete", True)),
        )


def _written(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _read(value: Mapping[str, Any]) -> bytes:
    if "base64" in value:
        return base64.b64decode(value["base64"], validate=True)
    return str(value.get("text", "")).encode()


def _json_of(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@dataclass
class Cassette:
    """The interactions of one file, in the order of their requests."""

    interactions: list[Interaction] = field(default_factory=list)

    @staticmethod
    def load(path: Path) -> Cassette:
        """Reads a file. `LocalProblem` with a sentence if it is no cassette."""
        try:
            document = json.loads(path.read_text("utf-8"))
            if document["format"] != FORMAT or document["version"] != VERSION:
                raise ValueError("another format")
            return Cassette([Interaction.from_json(value) for value in document["interactions"]])
        except OSError as error:
            raise LocalProblem(f"The recording cannot be read: {error.strerror}.", action="Show details") from error
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise LocalProblem(f"{path.name} is not a recording of groqdesk.", action="Show details") from error

    def save(self, path: Path) -> None:
        """Writes the file in one step: whoever reads it, or a crash, meets the old one or the new one, each whole."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "interactions": [interaction.as_json() for interaction in self.interactions],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file, ensure_ascii=False, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


class Recorder(httpx.AsyncBaseTransport):
    """Passes requests to another transport and writes what happens to `path`.

    The file is whole after every interaction and, while a body streams, at least every second. Replies are asked for
    uncompressed, so that they can be read in the file. `LocalProblem` when made, if the file cannot be written; a save that
    fails later is logged once and ends no stream.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, path: Path, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner = inner
        self._path = path
        self._clock = clock
        self._saved_s = -math.inf
        self._failed = False
        try:
            self.cassette = Cassette.load(path) if path.exists() else Cassette()
            self.cassette.save(path)
        except OSError as error:
            raise LocalProblem(f"The recording cannot be written: {error.strerror or error}.") from error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "identity"
        started = self._clock()
        headers = {name: value for name, value in request.headers.items() if name.lower() in _REQUEST_HEADERS}
        interaction = Interaction(request.method, str(request.url), headers, await request.aread())
        self.cassette.interactions.append(interaction)
        try:
            response = await self._inner.handle_async_request(request)
        except httpx.TransportError as error:
            interaction.error = type(error).__name__
            interaction.head_after_ms = (self._clock() - started) * 1000
            self.save()
            raise
        except BaseException:
            self.cassette.interactions.remove(interaction)
            raise
        arrived = self._clock()
        interaction.status = response.status_code
        interaction.head_after_ms = (arrived - started) * 1000
        interaction.headers = [
            (name, value) for name, value in response.headers.multi_items() if name.lower() not in _DROPPED_HEADERS
        ]
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("a transport gives an async stream")
        response.stream = _Recorded(self, interaction, stream, arrived)
        return response

    def save(self, *, if_due: bool = False) -> None:
        now = self._clock()
        if not if_due or now - self._saved_s >= SAVE_EVERY_S:
            self._saved_s = now
            try:
                self.cassette.save(self._path)
            except (OSError, UnicodeEncodeError) as error:  # the answer matters more than its recording
                if not self._failed:
                    log.warning("a recording could not be saved: %s", error)
                self._failed = True

    def now(self) -> float:
        return self._clock()

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Recorded(httpx.AsyncByteStream):
    def __init__(
        self, recorder: Recorder, interaction: Interaction, stream: httpx.AsyncByteStream, started_s: float
    ) -> None:
        self._recorder = recorder
        self._interaction = interaction
        self._stream = stream
        self._last_s = started_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._stream:
                now = self._recorder.now()
                self._interaction.pieces.append(Piece((now - self._last_s) * 1000, data))
                self._last_s = now
                self._recorder.save(if_due=True)
                yield data
            self._interaction.complete = True
        except httpx.TransportError as error:
            self._interaction.error = type(error).__name__
            raise

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._recorder.save()


class Player(httpx.AsyncBaseTransport):
    """Answers from a cassette, with no network at all.

    A request is matched by method, path and canonical body. Equal requests get their recordings in turn, the last one again
    and again. `speed` 1.0 is as recorded, 10.0 ten times as fast, infinity at once. Raises `CassetteMiss`.
    """

    def __init__(self, cassette: Cassette, *, speed: float = math.inf) -> None:
        if not speed > 0:
            raise ValueError("a speed is greater than zero")
        self._interactions = list(cassette.interactions)
        self._speed = speed
        self._played: set[int] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = redact_bytes(await request.aread())
        interaction = self._find(request.method, request.url.path, body)
        await self._wait(interaction.head_after_ms)
        if interaction.error and not interaction.status:
            raise _error_named(interaction.error, request)
        return httpx.Response(
            interaction.status,
            headers=interaction.headers,
            stream=_Played(interaction, self._wait, request),
            request=request,
        )

    async def _wait(self, ms: float) -> None:
        if not math.isinf(self._speed) and ms > 0:
            await asyncio.sleep(ms / 1000 / self._speed)

    def _find(self, method: str, path: str, body: bytes) -> Interaction:
        wanted = (method, path, canonical(body))
        fitting = [
            number
            for number, known in enumerate(self._interactions)
            if (known.method, known.path, canonical(known.body)) == wanted
        ]
        for number in fitting:
            if number not in self._played:
                self._played.add(number)
                return self._interactions[number]
        if fitting:
            return self._interactions[fitting[-1]]
        raise CassetteMiss(self._miss(method, path, body))

    def _miss(self, method: str, path: str, body: bytes) -> str:
        if not self._interactions:
            return "The recording is empty."
        scored = [
            (_differences(known, method, path, body), number) for number, known in enumerate(self._interactions, 1)
        ]
        differing, number = min(scored, key=lambda pair: (len(pair[0]), pair[1]))
        return f"No recording fits this request. The nearest is number {number}; it differs in {_listed(differing)}."


class _Played(httpx.AsyncByteStream):
    def __init__(self, interaction: Interaction, wait: Callable[[float], Any], request: httpx.Request) -> None:
        self._interaction = interaction
        self._wait = wait
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._interaction.pieces:
            await self._wait(piece.after_ms)
            yield piece.data
        if not self._interaction.complete:
            # A recording that was cut plays as a connection that broke off, never as a complete answer.
            raise _error_named(self._interaction.error or "RemoteProtocolError", self._request)


def _error_named(name: str, request: httpx.Request) -> httpx.TransportError:
    kind = getattr(httpx, name, None)
    if not (isinstance(kind, type) and issubclass(kind, httpx.TransportError)):
        kind = httpx.RemoteProtocolError
    return kind("recorded", request=request)


def canonical(body: bytes) -> bytes:
    """A body for comparison: JSON without regard to spaces and the order of names, other bodies as they are."""
    document = _json_of(body)
    if document is None:
        return body
    if isinstance(document, dict):
        # Sent to some addresses only; it changes how a reply ends, not what is answered.
        document = {name: value for name, value in document.items() if name != "stream_options"}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        errors="surrogatepass"
    )


def _differences(known: Interaction, method: str, path: str, body: bytes) -> list[str]:
    found = []
    if known.method != method:
        found.append(f"method ({known.method} recorded, {method} asked)")
    if known.path != path:
        found.append(f"path ({known.path} recorded, {path} asked)")
    recorded, asked = _json_of(known.body), _json_of(body)
    if not isinstance(recorded, dict) or not isinstance(asked, dict):
        return found if known.body == body else [*found, "body"]
    for name in sorted((recorded.keys() | asked.keys()) - {"stream_options"}, key=lambda n: (n != "model", n)):
        ours, theirs = recorded.get(name), asked.get(name)
        if ours == theirs and (name in recorded) == (name in asked):
            continue
        if name == "messages" and isinstance(ours, list) and isinstance(theirs, list):
            found += _message_differences(ours, theirs)
        elif name == "model":
            found.append(f"model ({_shown(ours)} recorded, {_shown(theirs)} asked)")
        elif name == "tools":
            found.append("tools")
        else:
            found.append(f"parameter {name} ({_side(recorded, name)} recorded, {_side(asked, name)} asked)")
    return found


def _message_differences(ours: Sequence[Any], theirs: Sequence[Any]) -> list[str]:
    changed = [f"message {n}" for n, pair in enumerate(zip(ours, theirs, strict=False), 1) if pair[0] != pair[1]]
    if len(ours) != len(theirs):
        changed.append(f"number of messages ({len(ours)} recorded, {len(theirs)} asked)")
    return changed


def _side(document: Mapping[str, Any], name: str) -> str:
    return _shown(document[name]) if name in document else "absent"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) > 5:
        parts = [*parts[:5], f"{len(parts) - 5} more"]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else "nothing"
