"""SqlConversationStore: what was acknowledged comes back, in order, whoever dies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from groqdesk.core.conversations import AnswerFacts, StoredMessage, Trouble
from groqdesk.core.errors import LocalProblem
from groqdesk.core.ids import new_id, now_ms
from groqdesk.core.messages import ToolCall
from groqdesk.core.settings import Folders
from groqdesk.storage.conversations import KEPT_AFTER_DELETE_MS, SqlConversationStore
from groqdesk.storage.database import Database
from groqdesk.storage.tables import clean_json, clean_text, messages, provider_usage
from groqdesk.storage.usage import SqlUsageLog
from tests.storage.values import T0, answer, conversation, question, record

Store = SqlConversationStore


async def test_a_conversation_comes_back_as_it_was_stored(conversations: Store) -> None:
    stored = conversation(draft="And then")
    await conversations.create(stored)
    assert await conversations.get(stored.id) == stored
    changed = replace(stored, title="Lisbon", pinned=True, updated_ms=T0 + 9, agent_id=None, parameters={})
    await conversations.update(changed)
    assert await conversations.get(stored.id) == changed
    assert await conversations.get("nobody") is None


async def test_an_update_does_not_bring_an_old_draft_back(conversations: Store) -> None:
    held = conversation(draft="Where to eat?")
    await conversations.create(held)
    await conversations.begin_turn(question(held), answer(held))
    await conversations.update(replace(held, title="Food"))
    now = await conversations.get(held.id)
    assert now is not None
    assert (now.title, now.draft) == ("Food", "")
    await conversations.save_draft(held.id, "next")
    now = await conversations.get(held.id)
    assert now is not None
    assert now.draft == "next"


async def test_what_is_gone_cannot_be_changed(conversations: Store) -> None:
    gone = conversation()
    for work in (
        conversations.update(gone),
        conversations.begin_turn(question(gone), answer(gone)),
        conversations.finish(answer(gone)),
    ):
        with pytest.raises(LocalProblem, match="no longer there"):
            await work
    await conversations.create(gone)
    with pytest.raises(LocalProblem, match="stored already"):
        await conversations.create(gone)


async def test_a_turn_from_question_to_end(conversations: Store) -> None:
    of = conversation()
    await conversations.create(of)
    asked, empty = question(of), answer(of)
    await conversations.begin_turn(asked, empty)
    assert await conversations.messages(of.id) == (asked, empty)
    await conversations.save_streamed(empty.id, "Try the", "thinking")
    assert (await conversations.messages(of.id))[1] == replace(empty, content="Try the", reasoning="thinking")
    end = replace(
        empty,
        content="Try the market.",
        reasoning="thinking",
        state="done",
        tool_calls=(ToolCall("c1", "find", '{"broken'), ToolCall("c2", "find", "{}")),
        facts=AnswerFacts("groq", "m", "stop", "req_1", 10, 5, 2, 1, False, 420, 0.2, 1.5, 0.3, 0.1, 0.1, 1.0),
    )
    await conversations.finish(end)
    assert (await conversations.messages(of.id))[1] == end
    await conversations.save_streamed(empty.id, "late", "")
    assert (await conversations.messages(of.id))[1] == end
    seen = await conversations.get(of.id)
    assert seen is not None
    assert seen.updated_ms == empty.created_ms


async def test_a_question_that_is_there_already_is_not_stored_twice(conversations: Store) -> None:
    of = conversation()
    await conversations.create(of)
    asked, first, second = question(of), answer(of), answer(of)
    await conversations.begin_turn(asked, first)
    await conversations.finish(replace(first, content="a", state="done"))
    await conversations.replace_from(of.id, 1)
    await conversations.begin_turn(replace(asked, content="changed?"), second)
    assert await conversations.messages(of.id) == (asked, second)


async def test_a_turn_without_a_new_question_stores_the_answer_only(conversations: Store) -> None:
    of = conversation()
    await conversations.create(of)
    empty = answer(of)
    await conversations.begin_turn(None, empty)
    assert await conversations.messages(of.id) == (empty,)


async def test_an_interrupted_answer_can_go_on_in_place(conversations: Store) -> None:
    of = conversation()
    await conversations.create(of)
    asked, one = question(of), answer(of)
    await conversations.begin_turn(asked, one)
    broken = replace(one, content="Half", state="interrupted", trouble=Trouble("connection", "Broke off.", "Continue"))
    await conversations.finish(broken)
    await conversations.begin_turn(asked, replace(one, content="Half"))
    assert await conversations.messages(of.id) == (asked, replace(one, content="Half"))


async def test_a_replaced_answer_stays_replaced_when_it_ends(conversations: Store, database: Database) -> None:
    of = conversation()
    await conversations.create(of)
    asked, old = question(of), answer(of)
    await conversations.begin_turn(asked, old)
    await conversations.replace_from(of.id, 1)
    await conversations.save_streamed(old.id, "late", "")
    await conversations.finish(replace(old, content="late end", state="done"))
    assert await conversations.messages(of.id) == (asked,)
    kept = await database.read(
        lambda c: tuple(c.execute(select(messages.c.state, messages.c.content).where(messages.c.id == old.id)).one())
    )
    assert kept == ("replaced", "late end")


async def test_order_is_position_whatever_the_clock_says(conversations: Store) -> None:
    of = conversation()
    await conversations.create(of)
    times = [T0, T0 - 31_536_000_000, T0 + 31_536_000_000, T0 - 5, T0 - 5, 0]
    for turn in range(3):
        asked = replace(question(of, 2 * turn, f"q{turn}"), created_ms=times[2 * turn])
        ended = replace(answer(of, 2 * turn + 1, f"a{turn}"), created_ms=times[2 * turn + 1], state="done")
        await conversations.begin_turn(asked, replace(ended, state="streaming"))
        await conversations.finish(ended)
    assert [m.content for m in await conversations.messages(of.id)] == ["q0", "a0", "q1", "a1", "q2", "a2"]


async def test_recent_puts_pinned_first_then_the_latest_change(conversations: Store) -> None:
    for title, pinned, updated in [("old", False, 1), ("new", False, 9), ("pin", True, 0), ("mid", False, 5)]:
        await conversations.create(conversation(title, pinned=pinned, updated_ms=updated))
    assert [c.title for c in await conversations.recent()] == ["pin", "new", "mid", "old"]
    assert [c.title for c in await conversations.recent(limit=2)] == ["pin", "new"]


async def test_search_looks_into_titles_and_shown_messages(conversations: Store) -> None:
    food, ship = conversation("Food in Porto"), conversation("100%_ship")
    for one in (food, ship):
        await conversations.create(one)
    asked = question(food, text="Gibt es ÄPFEL und Émile?")
    await conversations.begin_turn(asked, answer(food))
    old = answer(ship)
    await conversations.begin_turn(question(ship, text="plain"), old)
    await conversations.finish(replace(old, content="secret word", state="done"))
    await conversations.replace_from(ship.id, 1)

    async def found(words: str) -> list[str]:
        return sorted(c.title for c in await conversations.recent(words))

    assert await found("porto") == ["Food in Porto"]
    assert await found(" gibt ES ") == ["Food in Porto"]
    assert await found("äpfel") == ["Food in Porto"]
    assert await found("100%_") == ["100%_ship"]
    assert await found("0%_s") == ["100%_ship"]
    assert await found("o%P") == []
    assert await found("secret") == []
    assert await found("   ") == ["100%_ship", "Food in Porto"]
    assert await found("x\0y\ud800'; DROP TABLE messages; --") == []


async def test_a_deleted_conversation_is_hidden_comes_back_and_goes_after_thirty_days(
    conversations: Store, database: Database, usage: SqlUsageLog
) -> None:
    of = conversation()
    await conversations.create(of)
    ended = answer(of)
    await conversations.begin_turn(question(of), ended)
    usage.add(record(message_id=ended.id, conversation_id=of.id))
    await conversations.finish(replace(ended, state="done"))
    await conversations.delete(of.id)
    assert await conversations.get(of.id) is None
    assert await conversations.recent() == ()
    assert await conversations.recent("Porto") == ()
    assert await conversations.purge() == 0
    await conversations.undelete(of.id)
    assert await conversations.get(of.id) is not None
    assert await conversations.purge(now_ms() + 1) == 0
    await conversations.delete(of.id)
    assert await conversations.purge(now_ms() - KEPT_AFTER_DELETE_MS) == 0
    assert await conversations.purge(now_ms() + 1) == 1
    assert await _count(database, messages) == 0
    assert await _count(database, provider_usage) == 1


async def test_the_cost_of_a_conversation_is_that_of_its_calls(conversations: Store, usage: SqlUsageLog) -> None:
    of, else_where = conversation(), conversation()
    for one in (of, else_where):
        await conversations.create(one)
    for number, cost in enumerate([1_000, 2_000]):
        ended = answer(of, number)
        await conversations.begin_turn(question(of, number), ended)
        usage.add(record(message_id=ended.id, conversation_id=of.id, cost_nano_usd=cost))
        await conversations.finish(replace(ended, state="done"))
    seen = await conversations.get(of.id)
    assert seen is not None
    assert (seen.cost_nano_usd, seen.cost_unknown) == (3_000, False)
    usage.add(record(conversation_id=of.id, cost_nano_usd=None))
    await usage.flush()
    costs = {c.id: (c.cost_nano_usd, c.cost_unknown) for c in await conversations.recent()}
    assert costs == {of.id: (3_000, True), else_where.id: (0, False)}


async def test_usage_is_written_with_its_message_and_not_before(
    conversations: Store, usage: SqlUsageLog, database: Database
) -> None:
    of = conversation()
    await conversations.create(of)
    mine, other = answer(of), answer(of, 3)
    await conversations.begin_turn(question(of), mine)
    first, retry, late = (record(message_id=mine.id, attempt=n) for n in (1, 2, 3))
    usage.add(first)
    usage.add(retry)
    usage.add(record(message_id=other.id))
    await usage.flush()
    await asyncio.sleep(database.timings.usage_flush_s * 3)
    assert await _count(database, provider_usage) == 0
    await conversations.finish(replace(mine, state="done"))
    assert await _ids(database) == {first.id, retry.id}
    usage.add(first)
    usage.add(late)
    await usage.flush()
    assert await _ids(database) == {first.id, retry.id, late.id}


async def test_if_the_message_cannot_be_written_its_usage_waits(
    conversations: Store, usage: SqlUsageLog, database: Database
) -> None:
    of = conversation()
    mine = answer(of)
    usage.add(record(message_id=mine.id))
    with pytest.raises(LocalProblem):
        await conversations.finish(replace(mine, state="done"))
    assert await _count(database, provider_usage) == 0
    await conversations.create(of)
    await conversations.finish(replace(mine, state="done"))
    assert await _count(database, provider_usage) == 1


async def test_answers_of_a_dead_process_become_interrupted_and_those_of_live_ones_stay(
    where: Folders, other: Any
) -> None:
    dead = other("hold", str(where.data))
    dead_conversation, dead_answer = dead.hear()
    live = other("hold", str(where.data))
    _, live_answer = live.hear()
    database = await Database.open(where)
    store = SqlConversationStore(database, SqlUsageLog(database))
    mine = conversation()
    await store.create(mine)
    own = answer(mine)
    await store.begin_turn(question(mine), own)
    await store.save_streamed(own.id, "mine", "")

    assert await store.end_interrupted() == 0
    dead.kill()
    assert await store.end_interrupted() == 1
    assert await store.end_interrupted() == 0
    states = dict(await database.read(lambda c: [tuple(r) for r in c.execute(select(messages.c.id, messages.c.state))]))
    assert states[dead_answer] == "interrupted"
    assert states[live_answer] == "streaming"
    assert states[own.id] == "streaming"
    ended = (await store.messages(dead_conversation))[1]
    assert ended.trouble is not None
    assert (ended.trouble.kind, ended.trouble.action) == ("local", "Continue")
    live.tell()
    assert live.end() == 0
    assert await store.end_interrupted() == 1  # closed without having ended its answer
    await database.close()


async def test_a_hostile_mark_of_a_writer_is_dead_and_touches_no_file(
    conversations: Store, database: Database, where: Folders
) -> None:
    precious = where.data / "precious.lock"
    precious.write_text("x")
    of = conversation()
    await conversations.create(of)
    for number, writer in enumerate(["../precious", "", None, "ab" * 8]):
        ended = answer(of, number)
        await conversations.begin_turn(question(of, number), ended)
        await database.run(
            lambda c, ended=ended, writer=writer: (
                c.execute(messages.update().where(messages.c.id == ended.id).values(writer=writer)) and None
            )
        )
    assert await conversations.end_interrupted() == 4
    assert precious.exists()


async def test_rows_that_another_version_wrote_are_read_as_far_as_they_are_known(
    conversations: Store, database: Database
) -> None:
    of = conversation()
    await conversations.create(of)
    one, two = question(of), answer(of)
    await conversations.begin_turn(one, two)

    def spoil(connection: Connection) -> None:
        run = connection.exec_driver_sql
        run("UPDATE messages SET facts='{\"provider\":\"groq\",\"new_field\":1}', trouble='[1]', tool_calls='{}'")
        run("UPDATE messages SET facts='{oops', tool_calls='[{\"id\":1},3]' WHERE position=0")
        run("UPDATE conversations SET parameters='3'")

    await database.run(spoil)
    first, second = await conversations.messages(of.id)
    assert (first.facts, first.trouble, first.tool_calls) == (None, None, ())
    assert (second.facts, second.trouble) == (AnswerFacts(provider="groq"), None)
    seen = await conversations.get(of.id)
    assert seen is not None
    assert seen.parameters == {}


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_can_always_be_stored_and_only_changes_what_cannot(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode("utf-8")
    assert "\0" not in cleaned
    assert len(cleaned) == len(text)
    assert all(a == b or a == "\0" or "\ud800" <= a <= "\udfff" for a, b in zip(text, cleaned, strict=True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_clean_json_is_stable_and_can_be_written(value: Any) -> None:
    import json

    cleaned = clean_json(value)
    assert clean_json(cleaned) == cleaned
    assert json.loads(json.dumps(cleaned, ensure_ascii=False, allow_nan=False).encode()) == cleaned


async def test_any_text_goes_in_and_comes_back_clean(conversations: Store) -> None:
    odd = "a\0b\ud83d c\udc00\r\n\u202e😀"
    of = conversation(odd, system=odd, parameters={"stop": [odd]})
    await conversations.create(of)
    ended = replace(
        answer(of, text=odd),
        reasoning=odd,
        tool_calls=(ToolCall(odd, odd, odd),),
        trouble=Trouble("bad_response", odd, odd, detail=odd),
        facts=AnswerFacts(odd, odd, ttft_s=float("nan"), prompt_tokens=10**30),
        state="failed",
    )
    await conversations.begin_turn(question(of, text=odd), ended)
    await conversations.save_streamed(ended.id, odd, odd)
    await conversations.finish(ended)
    clean = clean_text(odd)
    asked, back = await conversations.messages(of.id)
    assert (asked.content, back.content, back.reasoning) == (clean, clean, clean)
    assert back.tool_calls == (ToolCall(clean, clean, clean),)
    assert back.trouble == Trouble("bad_response", clean, clean, detail=clean)
    assert back.facts == AnswerFacts(clean, clean, ttft_s=None, prompt_tokens=10**30)


async def test_a_message_without_a_beginning_can_be_finished(conversations: Store) -> None:
    of = conversation()
    await conversations.create(of)
    result = StoredMessage(new_id(), of.id, 0, "tool", "42", "done", T0, tool_call_id="c1")
    await conversations.finish(result)
    assert await conversations.messages(of.id) == (result,)


async def _count(database: Database, table: Any) -> int:
    return await database.read(lambda c: int(c.execute(select(func.count()).select_from(table)).scalar_one()))


async def _ids(database: Database) -> set[str]:
    return await database.read(lambda c: set(c.execute(select(provider_usage.c.id)).scalars()))
