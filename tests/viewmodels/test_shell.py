"""ShellViewModel: lamps, today's spending, settings, which page shows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from groqdesk.core.errors import InvalidKey, KeyringProblem
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Settings
from groqdesk.core.usage import ProviderUsage, TokenUsage
from groqdesk.engine import InlineEngine
from groqdesk.services.catalog import CatalogService
from groqdesk.viewmodels.shell import ShellViewModel
from tests.fakes import FakeClock, FakeProviders, FakeSettingsStore, FakeUsageLog, FakeVault, shipped_catalog


class Room:
    def __init__(self, settings: Settings | None = None, demo: bool = False) -> None:
        self.providers, self.vault, self.usage, self.store = (
            FakeProviders(),
            FakeVault(),
            FakeUsageLog(),
            FakeSettingsStore(),
        )
        self.model = ShellViewModel(
            InlineEngine(),
            self.providers,
            self.vault,
            CatalogService(shipped_catalog(), self.providers),
            self.usage,  # type: ignore[arg-type]
            self.store,
            settings or Settings(),
            FakeClock(),
            "~/.local/share/groqdesk",
            demo,
        )

    def add_key(self) -> None:
        self.vault.keys["groq", self.providers.base_url("groq")] = Secret("gsk_0123456789ab3f9A")

    async def settled(self) -> None:
        await self.model.scope.settled()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    one = Room()
    yield one
    await one.model.close()


async def test_the_first_start_shows_the_key_page_and_later_ones_the_playground(room: Room) -> None:
    assert room.model.state.page == "setup"
    assert Room(Settings(first_run_done=True)).model.state.page == "chat"
    assert Room(demo=True).model.state.page == "chat"


async def test_a_lamp_without_a_key_is_off_and_asks_nobody(room: Room) -> None:
    room.model.start()
    await room.settled()
    lamp = room.model.state.lamps[0]
    assert (lamp.provider, lamp.state, lamp.text) == ("groq", "off", "no key yet")


async def test_a_lamp_with_a_key_shows_the_response_time_and_the_tail_only(room: Room) -> None:
    room.add_key()
    heard: list[str] = []
    room.model.models_changed.connect(heard.append)
    room.model.start()
    await room.settled()
    lamp = room.model.state.lamps[0]
    assert (lamp.state, lamp.text, lamp.key_tail, lamp.key_source) == ("ok", "0 ms", "3f9A", "keyring")
    assert heard == ["groq"]


async def test_a_refused_key_is_a_failed_lamp(room: Room) -> None:
    room.add_key()
    room.providers.live = InvalidKey("The key for Groq was refused.")
    room.model.start()
    await room.settled()
    assert room.model.state.lamps[0].state == "failed"
    assert room.model.state.lamps[0].text == "key refused"


async def test_removing_the_key_turns_the_lamp_off(room: Room) -> None:
    room.add_key()
    room.model.start()
    await room.settled()
    room.model.remove_key("groq")
    await room.settled()
    assert room.model.state.lamps[0].state == "off"
    assert room.vault.keys == {}


async def test_a_locked_keyring_is_a_sentence(room: Room) -> None:
    async def locked(*_: str) -> None:
        raise KeyringProblem("The keyring is locked, so no key can be read.")

    room.vault.get = locked  # type: ignore[method-assign]
    room.model.start()
    await room.settled()
    assert room.model.state.notice == "The keyring is locked, so no key can be read."


async def test_today_is_summed(room: Room) -> None:
    room.usage.add(ProviderUsage("u", 0, "groq", "m", "llm", "a", "ok", TokenUsage(1, 1), 250_000_000, 0.1, 1.0))
    room.model.refresh_spending()
    await room.settled()
    assert room.model.state.spent_today == "$0.25"


async def test_settings_change_at_once_and_are_stored(room: Room) -> None:
    room.model.save_settings(theme="dark", sidebar_width=300)
    assert room.model.settings.theme == "dark"
    await room.settled()
    assert room.store.values == {"theme": "dark", "sidebar_width": 300}


async def test_setup_ends_in_the_playground_with_the_provider_chosen(room: Room) -> None:
    choice = room.model.setup_finished("demo")
    await room.settled()
    assert choice.provider == "demo"
    assert room.model.state.page == "chat"
    assert room.store.values["first_run_done"] is True
    assert room.store.values["provider"] == "demo"
    assert any(lamp.provider == "demo" for lamp in room.model.state.lamps)
