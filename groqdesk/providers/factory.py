"""ProviderFactory: from a choice of provider and model to a provider that can be called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from groqdesk.core.catalog import Catalog
from groqdesk.core.errors import BadRequest, InvalidKey, KeyringProblem, NoKey
from groqdesk.core.messages import ChatRequest, ModelChoice
from groqdesk.core.parameters import to_wire
from groqdesk.core.ports import Clock, KeyCheck, KeyVault, LiveModel, LLMProvider, UsageLog
from groqdesk.core.secrets import Secret, clean_key
from groqdesk.core.settings import Timings
from groqdesk.core.usage import TokenPrice
from groqdesk.providers import groq
from groqdesk.providers.compatible_client import (
    COMPATIBLE,
    GROQ,
    OPENAI,
    PRACTICE,
    CompatibleClient,
    Dialect,
    ModelFacts,
    ParameterDialect,
    Server,
)
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.metered import Metered
from groqdesk.providers.openai_compatible import CompatibleLLM
from groqdesk.providers.transport import HttpClient, WrapTransport, clean_base_url, origin_of

OPENAI_BASE_URL: Final = "https://api.openai.com/v1"
BASE_URLS: Final[Mapping[str, str]] = {"groq": groq.BASE_URL, "openai": OPENAI_BASE_URL}
KEY_ORIGINS: Final[Mapping[str, str]] = {provider: origin_of(url) for provider, url in BASE_URLS.items()}
"""Providers that keep a key, and the only origin that each key may go to."""

_KEY_VARIABLES: Final[Mapping[str, str]] = {"groq": "GROQ_API_KEY", "openai": "OPENAI_API_KEY"}
_CUSTOM_KEY_VARIABLE: Final = "GROQDESK_API_KEY"
_DIALECTS: Final[Mapping[str, Dialect]] = {"groq": GROQ, "openai": OPENAI, "demo": PRACTICE}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _CatalogFacts(ModelFacts):
    """What the factory's current catalogue knows about a provider's models."""

    def __init__(self, factory: ProviderFactory, provider: str) -> None:
        self._factory = factory
        self._provider = provider

    def wire_id(self, model: str) -> str:
        found = self._factory.catalog.find(self._provider, model)
        return model if found is None else found.id

    def replacement(self, model: str) -> str | None:
        return self._factory.catalog.replacement(self._provider, model)

    def retired_on(self, model: str) -> str | None:
        found = self._factory.catalog.find(self._provider, model)
        day: date | None = None if found is None else found.retired_on
        return None if day is None else f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def fields(self, request: ChatRequest, dialect: ParameterDialect) -> Mapping[str, object]:
        model = None if dialect == "compatible" else self._factory.catalog.find(self._provider, request.model)
        return to_wire(model, request.parameters, dialect, tools=bool(request.tools))


class ProviderFactory:
    """Builds metered providers (a `ProviderSource`).

    Keeps one client, and so one set of connections, per provider and base URL, opened in the loop of the first call and
    closed by `aclose` there. Keys come from the vault, else from the environment, and only for the provider's own origin: a
    custom base URL gets GROQDESK_API_KEY, or a dummy where that is not set. `demo_url` is the address of the practice server
    or what starts it when it is first needed; None leaves provider "demo" out. `wrap` puts a cassette around the transport;
    `keyless` goes with one that replays, where no key is needed. `practice_only` leaves every provider out but the practice
    server.
    """

    def __init__(
        self,
        vault: KeyVault,
        catalog: Catalog,
        timings: Timings,
        clock: Clock,
        fast_transport: bool,
        demo_url: str | Callable[[], str] | None,
        environment: Mapping[str, str],
        wrap: WrapTransport | None = None,
        keyless: bool = False,
        practice_only: bool = False,
    ) -> None:
        self.catalog = catalog
        self._vault = vault
        self._timings = timings
        self._clock = clock
        self._fast = fast_transport
        self._demo_url = demo_url
        self._environment = environment
        self._wrap = wrap
        self._keyless = keyless
        self._practice_only = practice_only
        self._clients: dict[tuple[str, str], CompatibleClient] = {}

    def learn(self, catalog: Catalog) -> None:
        """Uses a newer catalogue from the next call on."""
        self.catalog = catalog

    def names(self) -> tuple[str, ...]:
        if self._practice_only:
            return ("demo",)
        return ("groq", "openai") if self._demo_url is None else ("groq", "openai", "demo")

    def base_url(self, provider: str) -> str:
        """The provider's own address. `BadRequest`, not sent, for a name that is none."""
        if provider in BASE_URLS and not self._practice_only:
            return BASE_URLS[provider]
        if provider == "demo" and self._demo_url is not None:
            return (self._demo_url if isinstance(self._demo_url, str) else self._demo_url()).rstrip("/")
        raise BadRequest(
            f"There is no provider {provider[:64]!r}. There are {', '.join(self.names())}.",
            action="Choose a provider",
            sent=False,
        )

    def llm(self, choice: ModelChoice, usage: UsageLog) -> LLMProvider:
        """A language model, metered into `usage`.

        Raises, not sent, `BadRequest` for a wrong provider or address, `InvalidKey` for a GROQDESK_API_KEY that is no key.
        """
        client = self._client(choice.provider, choice.base_url)
        provider = (
            GroqLLMProvider(client, self._timings)
            if isinstance(client, GroqClient)
            else CompatibleLLM(client, self._timings)
        )
        return Metered(provider, usage, self._price, self._clock)

    async def live_models(self, provider: str, base_url: str | None = None) -> tuple[LiveModel, ...]:
        """The models that the provider's server lists for the stored key. Raises `ProviderError`."""
        return await self._client(provider, base_url).list_models()

    async def check_key(self, provider: str, key: Secret) -> KeyCheck:
        """Tests a key at the provider's own address without storing it. Raises `InvalidKey`, `Permission`, ..."""
        return await self._client(provider, None).check_key(key)

    async def aclose(self) -> None:
        """Closes all connections, in the loop that opened them."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.aclose() for client in clients))

    def _price(self, provider: str, model: str) -> TokenPrice | None:
        if self._keyless:
            return TokenPrice(0, 0, 0)  # a replay was paid for when it was recorded
        return self.catalog.price(provider, model)

    def _client(self, provider: str, base_url: str | None) -> CompatibleClient:
        own = self.base_url(provider)
        try:
            address = own if base_url is None else clean_base_url(base_url)
        except ValueError as error:
            raise BadRequest(str(error), action="Check the address", provider=provider, sent=False) from None
        client = self._clients.get((provider, address))
        if client is None:
            client = self._clients[provider, address] = self._made(provider, address, custom=address != own)
        return client

    def _made(self, provider: str, address: str, *, custom: bool) -> CompatibleClient:
        http = HttpClient(self._timings, fast=self._fast, wrap=self._wrap)
        facts = _CatalogFacts(self, provider)
        dialect = _DIALECTS[provider]
        own_origin = KEY_ORIGINS.get(provider)

        practice_key = Secret("demo")
        given = self._environment.get(_CUSTOM_KEY_VARIABLE, "").strip()
        elsewhere = custom and not self._keyless and origin_of(address) != own_origin
        custom_key = _usable(given, _CUSTOM_KEY_VARIABLE, provider) if elsewhere and given else Secret("none")

        async def key() -> Secret:
            if self._keyless:
                return practice_key
            if own_origin is not None and origin_of(address) == own_origin:
                return await self._stored_key(provider, own_origin)
            return custom_key

        async def demo_key() -> Secret:
            return practice_key if not custom else custom_key

        if provider == "demo":
            return GroqClient(
                demo_key,
                http,
                self._timings,
                self._clock,
                base_url=address,
                provider=provider,
                dialect=dialect,
                facts=facts,
            )
        if provider == "groq":
            # A server that only speaks Groq's wire may report usage only when asked.
            dialect = replace(dialect, include_usage=True) if custom else dialect
            return GroqClient(key, http, self._timings, self._clock, base_url=address, dialect=dialect, facts=facts)
        server = Server(provider, address, COMPATIBLE if custom else dialect, key, facts)
        return CompatibleClient(server, http, self._timings, self._clock)

    async def _stored_key(self, provider: str, origin: str) -> Secret:
        variable = _KEY_VARIABLES[provider]
        from_environment = self._environment.get(variable, "").strip()
        try:
            stored = await self._vault.get(provider, origin)
        except KeyringProblem:
            if not from_environment:
                raise
            stored = None
        if stored is not None:
            return stored.secret
        if from_environment:
            return _usable(from_environment, variable, provider)
        label = _DIALECTS[provider].label.inline
        raise NoKey(f"No key for {label} is stored.", action="Add a key", provider=provider, sent=False)


def _usable(text: str, variable: str, provider: str) -> Secret:
    """A key from the environment. `InvalidKey`, not sent, for what cannot be one."""
    try:
        return clean_key(text)
    except ValueError:
        raise InvalidKey(f"{variable} holds no usable key. Nothing was sent.", provider=provider, sent=False) from None
