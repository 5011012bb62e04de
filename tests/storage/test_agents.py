"""SqlAgentStore."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from groqdesk.core.agents import Agent
from groqdesk.storage.agents import SqlAgentStore
from groqdesk.storage.database import Database


@pytest.fixture
def store(database: Database) -> SqlAgentStore:
    return SqlAgentStore(database)


async def test_an_agent_comes_back_as_it_was_saved(store: SqlAgentStore) -> None:
    agent = Agent("a1", "Émile", "Plans trips", "Ask back.\nBe short.", 5, 6)
    await store.save(agent)
    assert await store.get("a1") == agent
    assert await store.get("ÉMILE") == agent
    assert await store.get("e\u0301mile".upper()) == agent
    changed = replace(agent, name="emile", updated_ms=9)
    await store.save(changed)
    assert await store.all() == (changed,)
    await store.delete("a1")
    assert await store.get("a1") is None
    assert await store.all() == ()


async def test_agents_are_listed_by_name_without_regard_to_case(store: SqlAgentStore) -> None:
    for number, name in enumerate(["beta", "Alpha", "Gamma"]):
        await store.save(Agent(str(number), name))
    assert [agent.name for agent in await store.all()] == ["Alpha", "beta", "Gamma"]


@pytest.mark.parametrize("twin", ["scout", "SCOUT", " Scout "])
async def test_a_name_is_taken_whatever_its_case(store: SqlAgentStore, twin: str) -> None:
    await store.save(Agent("1", "Scout"))
    with pytest.raises(ValueError, match="Another agent has this name"):
        await store.save(Agent("2", twin))
    assert len(await store.all()) == 1


@pytest.mark.parametrize(("name", "twin"), [("Straße", "STRASSE"), ("Ärger", "ärger"), ("Σοφία", "σοφία")])
async def test_that_holds_for_letters_that_sqlite_cannot_fold(store: SqlAgentStore, name: str, twin: str) -> None:
    await store.save(Agent("1", name))
    with pytest.raises(ValueError, match="Another agent has this name"):
        await store.save(Agent("2", twin))


async def test_of_two_saves_at_once_one_gets_the_name(store: SqlAgentStore) -> None:
    results = await asyncio.gather(
        store.save(Agent("1", "Scout")), store.save(Agent("2", "scout")), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "ValueError"]


@pytest.mark.parametrize("name", ["", "a/b", "x" * 81, "a\u202eb", "a\0b"])
async def test_a_name_that_cannot_be_one_is_refused(store: SqlAgentStore, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        await store.save(Agent("1", name))


async def test_text_that_sqlite_cannot_hold_is_mended(store: SqlAgentStore) -> None:
    await store.save(Agent("1", "Scout", "a\0b", "c\ud800d"))
    saved = await store.get("1")
    assert saved is not None
    assert (saved.purpose, saved.instructions) == ("a\ufffdb", "c\ufffdd")
