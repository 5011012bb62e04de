"""HTTP and JSON with one OpenAI-compatible server. What differs between servers is data in a `Dialect`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import httpx

from groqdesk.core import errors
from groqdesk.core.errors import ProviderError
from groqdesk.core.messages import ChatRequest
from groqdesk.core.ports import Clock, KeyCheck, LiveModel
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.core.usage import Capability
from groqdesk.providers.error_replies import (
    ErrorReply,
    Label,
    Situation,
    error_for,
    error_in,
    looks_like_html,
    status_inside,
)
from groqdesk.providers.transport import HttpClient, KeyAuth, Reply, TransportFault, error_for_fault, origin_of
from groqdesk.providers.wire import UNREADABLE, ModelEntry, decode_models

ParameterDialect = Literal["groq", "openai", "compatible"]

_REPLY_MAX_BYTES: Final = 32 << 20
_ERROR_MAX_BYTES: Final = 256 << 10
_JSON_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}
_STREAM_HEADERS: Final = {"Content-Type": "application/json", "Accept": "text/event-stream"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one make of server does differently.

    `parameters` names the settings' dialect in `core.parameters`: which names and values this server takes.
    `include_usage` asks for the usage chunk, which Groq sends unasked inside `x_groq`.
    """

    label: Label
    parameters: ParameterDialect = "compatible"
    include_usage: bool = True


GROQ: Final = Dialect(Label("Groq", "Groq", errors.GroqError), "groq", include_usage=False)
PRACTICE: Final = Dialect(
    Label("the practice server", "The practice server", errors.GroqError), "groq", include_usage=False
)
OPENAI: Final = Dialect(Label("OpenAI", "OpenAI", errors.OpenAIError), "openai")
COMPATIBLE: Final = Dialect(Label("the server", "The server", errors.CompatibleError))


class KeySource(Protocol):
    """Gives the key of a call, or raises `NoKey`. None where the server wants none."""

    def __call__(self) -> Awaitable[Secret | None]: ...


class ModelFacts:
    """What the catalogue adds to a call. Without a catalogue: nothing is known about any model."""

    def wire_id(self, model: str) -> str:
        """The id on the wire of a model's alias."""
        return model

    def replacement(self, model: str) -> str | None:
        """The successor of a retired model."""
        return None

    def retired_on(self, model: str) -> str | None:
        """The day on which a model was retired, as people write it."""
        return None

    def fields(self, request: ChatRequest, dialect: ParameterDialect) -> Mapping[str, object]:
        """The request's settings as fields of the wire. ValueError with a sentence for one that cannot be sent."""
        if not request.parameters:
            return request.parameters
        from groqdesk.core.parameters import to_wire

        return to_wire(None, request.parameters, dialect, tools=bool(request.tools))


@dataclass(frozen=True, slots=True)
class Server:
    """One server: who it is, where it is, and how to get a key for it."""

    provider: str
    base_url: str
    dialect: Dialect
    key: KeySource
    facts: ModelFacts = field(default_factory=ModelFacts)

    @property
    def origin(self) -> str:
        return origin_of(self.base_url)


class CompatibleClient:
    """Speaks HTTP and JSON with one server; turns everything that fails into a `ProviderError`.

    Timeouts are those of `Timings`: first byte, between events, the whole call.
    """

    def __init__(self, server: Server, http: HttpClient, timings: Timings, clock: Clock) -> None:
        self.server = server
        self._http = http
        self._timings = timings
        self._clock = clock
        self._origin = server.origin
        self._host = httpx.URL(server.base_url).host
        self._urls: dict[str, httpx.URL] = {}
        self._auth: tuple[Secret, KeyAuth] | None = None

    async def auth(self) -> KeyAuth | None:
        """The key of this call, ready for its origin. Raises `NoKey`."""
        key = await self.server.key()
        if key is None:
            return None
        if self._auth is None or not self._auth[0].same_as(key):
            self._auth = (key, KeyAuth(key, self._origin))
        return self._auth[1]

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        model: str,
        auth: KeyAuth | None,
        body: bytes | None,
        *,
        stream: bool,
        deadline: float,
    ) -> AsyncGenerator[Reply, None]:
        """An open reply with status 200. Raises the error that any other status, or no reply, means."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = httpx.URL(self.server.base_url + path)
        opened = self._http.open(
            method, url, auth=auth, content=body, headers=_STREAM_HEADERS if stream else _JSON_HEADERS
        )
        try:
            async with asyncio.timeout_at(deadline):
                reply = await opened.__aenter__()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            failure = self.fault(error, model)
            raise failure from failure.__cause__
        except TimeoutError:
            failure = self.late(model)
            raise failure from failure.__cause__
        try:
            if reply.status != 200:
                raise await self._refusal(reply, model)
            yield reply
        finally:
            with contextlib.suppress(httpx.TransportError):
                await opened.__aexit__(None, None, None)

    async def read(self, reply: Reply, model: str, deadline: float, limit: int = _REPLY_MAX_BYTES) -> bytes:
        """The whole body. `BadResponse` beyond `limit` bytes, `Truncated` if it breaks off."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout_at(deadline), contextlib.aclosing(closable(reply.pieces())) as pieces:
                async for piece in pieces:
                    parts.append(piece)
                    size += len(piece)
                    if size > limit:
                        raise self.bad(model, "the reply is too long")
        except (httpx.TransportError, httpx.DecodingError) as error:
            failure = self.cut(model, error)
            raise failure from failure.__cause__
        except TimeoutError:
            failure = self.late(model)
            raise failure from failure.__cause__
        return b"".join(parts)

    async def _refusal(self, reply: Reply, model: str) -> ProviderError:
        deadline = asyncio.get_running_loop().time() + self._timings.connect_s
        body = b""
        # The status alone says enough when the body does not come.
        with contextlib.suppress(ProviderError):
            body = await self.read(reply, model, deadline, _ERROR_MAX_BYTES)
        if reply.status < 400:
            error: ProviderError = errors.BadResponse(
                "The address sent the request elsewhere, which was not followed."
                if 300 <= reply.status < 400
                else f"{self.server.dialect.label.opening} answered without an answer."
            )
            error.status, error.request_id = reply.status, reply.request_id
            return self.signed(error, model)
        found = error_in(body)
        if not found.html and "html" in reply.content_type:
            found = ErrorReply(html=True, body=found.body)
        return self.refused(found, reply, model, status=reply.status)

    def refused(
        self, said: ErrorReply, reply: Reply, model: str, *, status: int | None = None, id_in_body: str | None = None
    ) -> ProviderError:
        """The error for what a server said, by the status of the reply or, inside a 200, by that of the body."""
        facts, label = self.server.facts, self.server.dialect.label
        case = Situation(
            label=label,
            provider=self.server.provider,
            model=model,
            status=status or status_inside(said),
            reply=said,
            headers=reply.headers,
            now_ms=self._clock.now_ms(),
            request_id=reply.request_id or id_in_body,
            replacement=facts.replacement,
            retired_on=facts.retired_on,
        )
        return error_for(case)

    def signed(self, error: ProviderError, model: str) -> ProviderError:
        error.provider, error.model = self.server.provider, model
        return error

    def fault(self, error: httpx.TransportError | httpx.InvalidURL, model: str) -> ProviderError:
        return self.signed(error_for_fault(error, self.server.dialect.label.inline, self._host), model)

    def late(self, model: str) -> ProviderError:
        failure = errors.TimedOut(f"{self.server.dialect.label.opening} did not answer in time.")
        failure.__cause__ = TransportFault("deadline")
        return self.signed(failure, model)

    def cut(self, model: str, error: Exception | None = None) -> ProviderError:
        """The error of an answer that ended before its end."""
        failure = errors.Truncated("The connection broke off.")
        failure.__cause__ = TransportFault("end of stream" if error is None else type(error).__name__)
        if error is not None:
            error.__cause__ = error.__context__ = None
        return self.signed(failure, model)

    def bad(self, model: str, why: str, reply: Reply | None = None, body: bytes = b"") -> ProviderError:
        """The error of a reply that is not of this API."""
        label = self.server.dialect.label
        if (reply is not None and "html" in reply.content_type) or looks_like_html(body):
            failure = errors.BadResponse(f"A sign-in page of this network answered instead of {label.inline}.")
        else:
            failure = errors.BadResponse(f"{label.opening} sent an answer that cannot be read.")
        failure.__cause__ = label.vendor_error(why, status=None if reply is None else reply.status)
        if reply is not None:
            failure.status, failure.request_id = reply.status, reply.request_id
        return self.signed(failure, model)

    async def list_models(self) -> tuple[LiveModel, ...]:
        """The models that the server lists (`GET /models`), with what each is for. Raises `ProviderError`."""
        return (await self._listed(await self.auth()))[0]

    async def check_key(self, key: Secret) -> KeyCheck:
        """Lists the models with a key that need not be stored. Raises `InvalidKey`, `Permission`, `TimedOut`, ..."""
        started = self._clock.monotonic_s()
        models, reply = await self._listed(KeyAuth(key, self._origin))
        a_day = reply.headers.get("x-ratelimit-limit-requests", "").strip()
        return KeyCheck(
            models=len(models),
            reply_s=self._clock.monotonic_s() - started,
            requests_a_day=int(a_day) if a_day.isascii() and a_day.isdigit() and len(a_day) < 16 else None,
        )

    async def _listed(self, auth: KeyAuth | None) -> tuple[tuple[LiveModel, ...], Reply]:
        deadline = asyncio.get_running_loop().time() + self._timings.key_test_s
        async with self.open("GET", "/models", "", auth, None, stream=False, deadline=deadline) as reply:
            body = await self.read(reply, "", deadline)
            try:
                listed = decode_models(body)
            except UNREADABLE as error:
                failure = self.bad("", type(error).__name__, reply, body)
                raise failure from failure.__cause__
            if listed.error is not None:
                raise self.refused(error_in(body), reply, "")
            if listed.data is None:
                raise self.bad("", "no list of models", reply, body)
            return tuple(_live_model(entry) for entry in listed.data if entry.active is not False), reply

    async def aclose(self) -> None:
        await self._http.aclose()


def closable(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if isinstance(pieces, AsyncGenerator):
        return pieces
    return _as_generator(pieces)


async def _as_generator(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        yield piece


_BY_OUTPUT: Final[dict[str, Capability]] = {"speech": "tts", "audio": "tts", "transcription": "stt", "text": "llm"}


def capability_of(entry: ModelEntry) -> Capability | None:
    """What a listed model is for: by its output modalities, else by its id. None for guards and embeddings."""
    name = entry.id.lower()
    if "guard" in name or "embed" in name or "moderation" in name or "dall-e" in name or "image" in name:
        return None
    for modality, capability in _BY_OUTPUT.items():
        if modality in (entry.output_modalities or ()):
            return capability
    if "whisper" in name or "transcribe" in name:
        return "stt"
    if "orpheus" in name or "tts" in name:
        return "tts"
    return "llm"


def _live_model(entry: ModelEntry) -> LiveModel:
    return LiveModel(
        id=entry.id,
        capability=capability_of(entry),
        name=entry.name,
        context_tokens=entry.context_window,
        max_output_tokens=entry.max_completion_tokens,
        features=None if entry.supported_features is None else tuple(entry.supported_features),
        input_modalities=None if entry.input_modalities is None else tuple(entry.input_modalities),
    )
