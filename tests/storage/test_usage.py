"""SqlUsageLog: every record once, and sums that add up."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Integer, cast, create_engine, func, select

from groqdesk.core.ports import UsageSum
from groqdesk.core.settings import Folders, Timings
from groqdesk.core.usage import ProviderUsage, TokenUsage
from groqdesk.storage.database import Database
from groqdesk.storage.tables import metadata, provider_usage
from groqdesk.storage.usage import QUARTER_MS, SqlUsageLog, _local_name, _merged, _sums
from tests.storage.values import T0, record


async def stored(database: Database) -> int:
    return await database.read(lambda c: int(c.execute(select(func.count()).select_from(provider_usage)).scalar_one()))


async def until_stored(database: Database, count: int) -> None:
    async with asyncio.timeout(30):
        while await stored(database) < count:  # noqa: ASYNC110 - the database tells nobody when a row is there
            await asyncio.sleep(0.005)


async def test_records_without_a_message_are_written_by_themselves(database: Database, usage: SqlUsageLog) -> None:
    for _ in range(3):
        usage.add(record())
    await until_stored(database, 3)
    usage.add(record())
    await until_stored(database, 4)


async def test_records_come_from_many_threads_and_each_is_written_once(database: Database, usage: SqlUsageLog) -> None:
    records = [record() for _ in range(400)]

    def add(part: list[ProviderUsage]) -> None:
        for one in part:
            usage.add(one)
            usage.add(one)

    threads = [threading.Thread(target=add, args=(records[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await until_stored(database, 400)
    usage.add(records[0])
    await usage.flush()
    assert await stored(database) == 400


async def test_every_field_reaches_the_table(database: Database, usage: SqlUsageLog) -> None:
    one = record(
        id="id",
        message_id="m",
        conversation_id="c",
        agent_id="a",
        request_id="r",
        error_kind="rate_limited",
        status=429,
        attempt=2,
        action_id="act",
        capability="tts",
        outcome="cancelled",
        usage=TokenUsage(1, 2, 3, 4, True, 0.1, 0.2, 0.3),
    )
    usage.add(one)
    await database.run(lambda c: usage.write(c, [one]))
    row = await database.read(lambda c: dict(c.execute(select(provider_usage)).one()._mapping))
    assert row == {
        "id": "id", "started_ms": T0, "provider": "groq", "model": "openai/gpt-oss-120b", "capability": "tts",
        "action_id": "act", "attempt": 2, "outcome": "cancelled", "prompt_tokens": 1, "completion_tokens": 2,
        "cached_tokens": 3, "reasoning_tokens": 4, "estimated": True, "cost_nano_usd": 1_000, "queue_s": 0.1,
        "prompt_s": 0.2, "completion_s": 0.3, "ttft_s": 0.2, "total_s": 0.5, "message_id": "m",
        "conversation_id": "c", "agent_id": "a", "request_id": "r", "error_kind": "rate_limited", "status": 429,
    }  # fmt: skip


async def test_figures_that_no_server_can_mean_break_nothing(database: Database, usage: SqlUsageLog) -> None:
    for _ in range(100):
        usage.add(
            record(
                usage=TokenUsage(10**30, -(10**30), queue_s=float("inf")),
                cost_nano_usd=10**40,
                ttft_s=float("nan"),
                total_s=float("nan"),
                model="m\0\ud800",
            )
        )
    await usage.flush()
    (total,) = await usage.summed(0, "provider", "UTC")
    assert total.requests == 100
    assert total.prompt_tokens == 100 * 10**15
    (model,) = await usage.summed(0, "model", "UTC")
    assert model.key == "m\ufffd\ufffd"


async def test_what_is_pending_is_written_at_close_also_for_messages_that_never_ended(where: Folders) -> None:
    slow = Timings(usage_flush_s=1_000)
    database = await Database.open(where, slow)
    usage = SqlUsageLog(database)
    usage.add(record())
    usage.add(record(message_id="never-finished"))
    assert await stored(database) == 0
    await database.close()
    usage.add(record())  # too late: no error, and told in the log
    database = await Database.open(where)
    assert await stored(database) == 2
    await database.close()


async def test_what_was_spent_counts_records_in_memory_once(database: Database, usage: SqlUsageLog) -> None:
    assert await usage.spent_nano_usd(0) == 0
    usage.add(record(message_id="streaming", cost_nano_usd=500))
    usage.add(record(cost_nano_usd=None))
    usage.add(record(cost_nano_usd=70, started_ms=T0 - 1))
    one = record(cost_nano_usd=1_000)
    usage.add(one)
    assert await usage.spent_nano_usd(T0) == 1_500
    await usage.flush()
    assert await usage.spent_nano_usd(T0) == 1_500
    assert await usage.spent_nano_usd(0) == 1_570


async def test_sums_by_model_provider_and_agent(usage: SqlUsageLog) -> None:
    usage.add(record(model="a", agent_id="x", cost_nano_usd=5))
    usage.add(record(model="a", outcome="failed", cost_nano_usd=None, usage=TokenUsage()))
    usage.add(record(model="b", provider="openai", agent_id="x", cost_nano_usd=90))
    usage.add(record(model="c", started_ms=T0 - 1))
    await usage.flush()
    by_model = await usage.summed(T0, "model", "UTC")
    assert by_model == (UsageSum("b", 1, 0, 100, 20, 50, 10, 90, 0), UsageSum("a", 2, 1, 100, 20, 50, 10, 5, 1))
    assert [one.key for one in await usage.summed(T0, "provider", "UTC")] == ["openai", "groq"]
    assert {one.key: one.requests for one in await usage.summed(T0, "agent", "UTC")} == {"x": 2, "": 1}
    assert await usage.summed(T0 + 1, "model", "UTC") == ()


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


async def test_days_are_local_and_empty_ones_are_absent(usage: SqlUsageLog) -> None:
    # The clocks of Lisbon went back at 01:00 UTC on 26 October 2025; Kathmandu is 5 h 45 min ahead.
    for moment in ("2025-10-24T22:59:59Z", "2025-10-24T23:00:00Z", "2025-10-27T00:00:00Z"):
        usage.add(record(started_ms=at(moment)))
    await usage.flush()
    assert [(s.key, s.requests) for s in await usage.summed(0, "day", "Europe/Lisbon")] == [
        ("2025-10-24", 1),
        ("2025-10-25", 1),
        ("2025-10-27", 1),
    ]
    assert [s.key for s in await usage.summed(0, "day", "Asia/Kathmandu")] == ["2025-10-25", "2025-10-27"]
    with pytest.raises(ValueError, match="not a time zone"):
        await usage.summed(0, "day", "Mars/Olympus")
    with pytest.raises(ValueError, match="not a time zone"):
        await usage.summed(0, "hour", "../../etc/passwd")


async def test_the_hour_that_comes_twice_is_told_apart(usage: SqlUsageLog) -> None:
    for moment in ("2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"):
        usage.add(record(started_ms=at(moment)))
    await usage.flush()
    assert [s.key for s in await usage.summed(0, "hour", "Europe/Lisbon")] == [
        "2025-10-26T01:00+01:00",
        "2025-10-26T01:00+00:00",
    ]


ZONES = st.sampled_from(
    ["UTC", "Europe/Lisbon", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"]
)


@given(
    st.lists(
        st.tuples(
            st.integers(1_700_000_000_000, 1_700_000_000_000 + 400 * 86_400_000),
            st.integers(0, 10**9) | st.none(),
            st.sampled_from(["ok", "failed", "cancelled"]),
        ),
        max_size=30,
    ),
    ZONES,
    st.sampled_from(["day", "hour"]),
)
def test_sums_equal_those_made_one_by_one(rows: list[tuple[int, int | None, str]], zone: str, by: str) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    wanted: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    with engine.begin() as connection:
        records = [record(started_ms=ms, cost_nano_usd=cost, outcome=outcome) for ms, cost, outcome in rows]
        SqlUsageLog.write(None, connection, records)  # type: ignore[arg-type]
        for ms, cost, outcome in rows:
            local = datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone))
            key = str(local.date()) if by == "day" else local.strftime("%Y-%m-%dT%H:00") + local.isoformat()[-6:]
            for place, value in enumerate([1, outcome == "failed", cost or 0, cost is None]):
                wanted[key][place] += value
        groups = sorted(_sums(connection, 0, cast(provider_usage.c.started_ms // QUARTER_MS, Integer)))
    engine.dispose()
    got = _merged([(_local_name(quarter, by, ZoneInfo(zone)), sums) for quarter, sums in groups])  # type: ignore[arg-type]
    assert {s.key: [s.requests, s.failed, s.cost_nano_usd, s.unknown_cost] for s in got} == dict(wanted)
