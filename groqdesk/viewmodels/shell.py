"""The frame's state: which page shows, the providers' lamps, what today cost, theme and window settings."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, replace
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from groqdesk.core.errors import GroqdeskError, NoKey, ProviderError
from groqdesk.core.messages import ModelChoice
from groqdesk.core.ports import Clock, Engine, KeyVault, ProviderSource, SettingsStore, UsageReader
from groqdesk.core.settings import Settings
from groqdesk.core.tasks import TaskScope
from groqdesk.core.usage import usd_text
from groqdesk.services.catalog import CatalogService

log = logging.getLogger(__name__)

LampState = Literal["ok", "testing", "failed", "off"]
Page = Literal["setup", "chat"]
NAMES = {"groq": "Groq", "openai": "OpenAI", "demo": "Practice server"}


@dataclass(frozen=True, slots=True)
class ProviderLamp:
    """One lamp of the status bar. `key_tail` is the last four characters of the stored key, for its popover."""

    provider: str
    name: str
    state: LampState
    text: str
    key_tail: str = ""
    key_source: str = ""


@dataclass(frozen=True, slots=True)
class ShellState:
    """`spent_today` is money for people; `data_folder` the path as people read it (with ~)."""

    page: Page = "chat"
    lamps: tuple[ProviderLamp, ...] = ()
    spent_today: str = "$0.00"
    data_folder: str = ""
    demo: bool = False
    notice: str = ""


class ShellViewModel(QObject):
    """Opens pages, tests providers, keeps settings. `models_changed(provider)` follows a successful test."""

    changed = Signal()
    settings_changed = Signal()
    models_changed = Signal(str)
    page_changed = Signal(str)

    def __init__(
        self,
        engine: Engine,
        providers: ProviderSource,
        vault: KeyVault,
        catalog: CatalogService,
        usage: UsageReader,
        settings_store: SettingsStore,
        settings: Settings,
        clock: Clock,
        data_folder: str,
        demo: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._providers = providers
        self._vault = vault
        self._catalog = catalog
        self._usage = usage
        self._store = settings_store
        self._clock = clock
        self.settings = settings
        first: Page = "chat" if settings.first_run_done or demo else "setup"
        self.state = ShellState(page=first, data_folder=data_folder, demo=demo)
        self.scope = TaskScope(self._report)

    def start(self) -> None:
        """Lamps and today's spending; asks the providers that have a key which models they serve."""
        providers = ("demo",) if self.state.demo else self._providers.names()
        self._set(
            lamps=tuple(
                ProviderLamp(p, NAMES.get(p, p), "off", "")
                for p in providers
                if self.state.demo or _has_lamp(p, self.settings)
            )
        )
        for lamp in self.state.lamps:
            self.scope.start(self._test(lamp.provider), f"test {lamp.provider}")
        for provider in providers:
            if provider != "demo" and not _has_lamp(provider, self.settings):
                self.scope.start(self._look_for_key(provider), f"look for a key of {provider}")
        self.refresh_spending()

    async def _look_for_key(self, provider: str) -> None:
        """A provider that has a key is in use: it gets a lamp, and its models can be picked."""
        if await self._vault.get(provider, self._providers.base_url(provider)) is not None:
            self.add_lamp(provider)

    def test(self, provider: str) -> None:
        """Asks one provider for its models: lamp, response time, live model list."""
        self.scope.start(self._test(provider), f"test {provider}")

    async def _test(self, provider: str) -> None:
        if provider != "demo":
            key = await self._vault.get(provider, self._providers.base_url(provider))
            if key is None:
                self._lamp(provider, "off", "no key yet", "", "")
                return
            self._lamp(provider, "testing", "testing", key.secret.tail, key.source)
        began_s = self._clock.monotonic_s()
        try:
            await self._engine.call(self._catalog.refresh, provider)
        except NoKey:
            self._lamp(provider, "off", "no key yet", "", "")
        except ProviderError as error:
            self._lamp(provider, "failed", _short(error))
        else:
            self._lamp(provider, "ok", f"{(self._clock.monotonic_s() - began_s) * 1000:.0f} ms")
            self.models_changed.emit(provider)

    def _lamp(
        self, provider: str, state: LampState, text: str, tail: str | None = None, source: str | None = None
    ) -> None:
        lamps = []
        for lamp in self.state.lamps:
            if lamp.provider == provider:
                lamp = replace(
                    lamp,
                    state=state,
                    text=text,
                    key_tail=lamp.key_tail if tail is None else tail,
                    key_source=lamp.key_source if source is None else source,
                )
            lamps.append(lamp)
        self._set(lamps=tuple(lamps))

    def add_lamp(self, provider: str) -> None:
        """A provider came into use."""
        if all(lamp.provider != provider for lamp in self.state.lamps):
            self._set(lamps=(*self.state.lamps, ProviderLamp(provider, NAMES.get(provider, provider), "off", "")))
        self.test(provider)

    def remove_key(self, provider: str) -> None:
        self.scope.start(self._remove_key(provider), "remove key")

    async def _remove_key(self, provider: str) -> None:
        await self._vault.delete(provider, self._providers.base_url(provider))
        await self._test(provider)

    def show(self, page: Page) -> None:
        if page != self.state.page:
            self._set(page=page)
            self.page_changed.emit(page)

    def setup_finished(self, provider: str) -> ModelChoice:
        """The first run ended: remembers the provider and shows the Playground. The choice to start with comes back."""
        if provider and provider != self.settings.provider:
            model = self._catalog.catalog.default(provider, "llm")
            self.save_settings(provider=provider, model=model.id if model else self.settings.model)
        self.save_settings(first_run_done=True)
        if provider:
            self.add_lamp(provider)
        self.show("chat")
        return ModelChoice(self.settings.provider, self.settings.model)

    def save_settings(self, **values: Any) -> None:
        """Changes settings at once and stores them behind."""
        self.settings = replace(self.settings, **values)
        self.settings_changed.emit()
        self.scope.start(self._store.save(values), "save settings")

    def refresh_spending(self) -> None:
        self.scope.start(self._spending(), "today's spending")

    async def _spending(self) -> None:
        now = dt.datetime.fromtimestamp(self._clock.now_ms() / 1000).astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        spent = await self._usage.spent_nano_usd(int(midnight.timestamp() * 1000))
        self._set(spent_today=usd_text(spent))

    def notify(self, sentence: str) -> None:
        self._set(notice=sentence)

    def _report(self, error: Exception) -> None:
        if isinstance(error, GroqdeskError):
            self._set(notice=error.message)
        else:
            log.error("the frame failed", exc_info=error)
            self._set(notice="Something went wrong here. Nothing was lost.")

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()

    async def close(self) -> None:
        await self.scope.close()


def _has_lamp(provider: str, settings: Settings) -> bool:
    return provider == "groq" or provider == settings.provider


def _short(error: ProviderError) -> str:
    return {
        "invalid_key": "key refused",
        "permission": "blocked",
        "offline": "no network",
        "connection": "not reachable",
        "timeout": "no answer",
        "rate_limited": "limit reached",
    }.get(error.kind, "failed")
