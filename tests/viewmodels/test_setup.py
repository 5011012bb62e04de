"""SetupViewModel: a pasted key is checked at once, kept once, and never shown."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from groqdesk.core.errors import ConnectionFailed, InvalidKey, KeyringProblem, Permission, Unavailable
from groqdesk.engine import InlineEngine
from groqdesk.viewmodels.setup import SetupViewModel
from tests.fakes import QUICK, FakeProviders, FakeVault

KEY = "gsk_canary0123456789abcdef"


class Room:
    def __init__(self) -> None:
        self.providers, self.vault = FakeProviders(), FakeVault()
        self.model = SetupViewModel(InlineEngine(), self.providers, self.vault, QUICK)
        self.done: list[str] = []
        self.model.finished.connect(self.done.append)
        self.model.start()

    async def settled(self) -> None:
        await self.model.scope.settled()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    one = Room()
    await one.settled()
    yield one
    await one.model.close()


async def test_a_good_key_is_checked_kept_and_used(room: Room) -> None:
    room.model.key_changed(f"  {KEY}\n")
    await room.settled()
    state = room.model.state
    assert (state.key_state, state.headline) == ("works", "The key works.")
    assert state.detail == "11 models, first reply in 188 ms, 1,000 requests a day."
    room.model.accept()
    await room.settled()
    assert room.done == ["groq"]
    assert len(room.vault.keys) == 1


async def test_only_the_last_of_many_changes_is_checked(room: Room) -> None:
    for length in range(12, len(KEY)):
        room.model.key_changed(KEY[:length])
    room.model.key_changed(KEY)
    await room.settled()
    assert len(room.providers.checked) == 1


async def test_a_refused_key_is_not_kept(room: Room) -> None:
    room.providers.check = InvalidKey("The key for Groq was refused.")
    room.model.key_changed(KEY)
    await room.settled()
    assert room.model.state.key_state == "refused"
    room.model.accept()
    await room.settled()
    assert room.vault.keys == {}
    assert room.done == []


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Permission("Groq blocks this network, often a VPN. The key is fine."), "blocked"),
        (ConnectionFailed("Groq cannot be reached."), "offline"),
    ],
)
async def test_a_key_that_could_not_be_checked_can_be_kept(room: Room, error: Exception, state: str) -> None:
    room.providers.check = error  # type: ignore[assignment]
    room.model.key_changed(KEY)
    await room.settled()
    assert room.model.state.key_state == state
    assert room.model.state.action == "Try again"
    room.model.accept()
    await room.settled()
    assert room.done == ["groq"]


@pytest.mark.parametrize("text", ["two words inside", "zeile\nzwei", "schlüssel0123456789"])
async def test_what_cannot_be_a_key_is_told_without_asking_anybody(room: Room, text: str) -> None:
    room.model.key_changed(text)
    await room.settled()
    assert room.model.state.key_state == "problem"
    assert room.providers.checked == []


async def test_a_keyring_that_refuses_keeps_the_page_open(room: Room) -> None:
    room.vault.problem = KeyringProblem("The keyring is locked, so no key can be read.")
    room.model.key_changed(KEY)
    await room.settled()
    room.model.accept()
    await room.settled()
    assert room.done == []
    assert room.model.state.headline == "The keyring is locked, so no key can be read."
    assert not room.model.state.saving


async def test_no_state_ever_holds_the_key(room: Room) -> None:
    seen: list[str] = []
    room.model.changed.connect(lambda: seen.append(repr(room.model.state)))
    room.model.key_changed(KEY)
    await room.settled()
    room.model.accept()
    await room.settled()
    assert seen
    assert not [text for text in seen if KEY in text]


async def test_going_on_without_a_key(room: Room) -> None:
    room.model.try_without_key()
    room.model.skip()
    assert room.done == ["demo", ""]


async def test_a_key_is_checked_at_the_provider_it_was_typed_for_only(room: Room) -> None:
    asked: list[str] = []
    check = room.providers.check_key

    async def noting(provider: str, key: object) -> object:
        asked.append(provider)
        return await check(provider, key)  # type: ignore[arg-type]

    room.providers.check_key = noting  # type: ignore[method-assign, assignment]
    room.model.key_changed(KEY)
    room.model.start("openai", replacing=True)
    await room.settled()
    assert asked == []
    room.model.accept()
    await room.settled()
    assert room.vault.keys == {}


async def test_a_key_can_be_kept_while_the_provider_is_down(room: Room) -> None:
    room.providers.check = Unavailable("Groq has a problem on its side.")
    room.model.key_changed(KEY)
    await room.settled()
    room.model.accept()
    await room.settled()
    assert room.done == ["groq"]
