"""SqlUsageLog: the ledger of provider calls, and its sums."""

from __future__ import annotations

import logging
import math
import operator
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Integer, cast, func, select
from sqlalchemy.dialects.sqlite import insert

from groqdesk.core.ports import UsageGroup, UsageSum
from groqdesk.core.usage import ProviderUsage
from groqdesk.storage.database import Database
from groqdesk.storage.tables import provider_usage

log = logging.getLogger(__name__)

# Every zone of today is a whole number of quarter hours away from UTC, so a quarter lies in one local hour and day.
QUARTER_MS = 900_000
REMEMBERED_MESSAGES = 1_000
# Figures come from servers. A thousand rows of this size still add up inside SQLite's 64-bit integers.
LARGEST = 10**15
LAST_MS = 253_370_000_000_000  # in the year 9999, where Python's calendar ends

_COLUMN = {
    "model": provider_usage.c.model,
    "provider": provider_usage.c.provider,
    "agent": func.coalesce(provider_usage.c.agent_id, ""),
}


class SqlUsageLog:
    """A `UsageLog` and `UsageReader` (core.ports) in the table `provider_usage`.

    `add` only puts the record into memory. Records that name a message are written by `SqlConversationStore.finish` with
    that message, in one transaction; those that do not, and those that come after it, within `Timings.usage_flush_s`;
    all that are left, at the database's close. A record is written once, whatever is added twice.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._pending: dict[str, ProviderUsage] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._planned = False
        database.before_close(self._write_all)

    def add(self, record: ProviderUsage) -> None:
        """Takes a record. Returns at once, from any thread."""
        with self._lock:
            self._pending[record.id] = record
            plan = self._is_free(record) and not self._planned
            self._planned = self._planned or plan
        if plan:
            self._plan()

    async def flush(self) -> None:
        """Writes every record that waits for no message, now."""
        written: list[str] = []
        await self._database.run(
            lambda connection: self._write(connection, self._free_records(), written), lambda: self.forget(written)
        )

    def of_message(self, message_id: str) -> list[ProviderUsage]:
        """The records that wait for this message. Called inside its transaction."""
        with self._lock:
            return [record for record in self._pending.values() if record.message_id == message_id]

    def message_ended(self, message_id: str) -> None:
        """Records of this message that come from now on are written by themselves. Called after its commit."""
        with self._lock:
            self._finished[message_id] = None
            while len(self._finished) > REMEMBERED_MESSAGES:
                self._finished.popitem(last=False)
            plan = not self._planned and any(self._is_free(record) for record in self._pending.values())
            self._planned = self._planned or plan
        if plan:
            self._plan()

    def forget(self, ids: Iterable[str]) -> None:
        """Drops records that are on disk now."""
        with self._lock:
            for key in ids:
                self._pending.pop(key, None)

    async def spent_nano_usd(self, since_ms: int) -> int:
        """What calls since then cost, where the price is known; records still in memory are counted too."""

        def work(connection: Connection) -> int:
            # On the writing thread: a record is then either in the table or in memory, never both or neither.
            with self._lock:
                waiting = list(self._pending.values())
            stored = connection.execute(
                select(func.coalesce(func.sum(provider_usage.c.cost_nano_usd), 0)).where(
                    provider_usage.c.started_ms >= since_ms
                )
            ).scalar_one()
            return int(stored) + sum(_whole(one.cost_nano_usd or 0) for one in waiting if one.started_ms >= since_ms)

        return await self._database.run(work)

    async def summed(self, since_ms: int, by: UsageGroup, zone: str) -> tuple[UsageSum, ...]:
        """Sums of the stored records. Groups without a record are absent.

        Keys: a day "2026-11-24" or an hour "2026-11-24T13:00+01:00" of `zone`, oldest first; or a model, a provider or
        an agent's id ("" for none), dearest first. ValueError if `zone` is no IANA name.
        """
        if by == "day" or by == "hour":
            try:
                place = ZoneInfo(zone)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"{zone!r} is not a time zone.") from error
            column: ColumnElement[Any] = cast(provider_usage.c.started_ms // QUARTER_MS, Integer)
            quarters = await self._database.read(lambda connection: _sums(connection, since_ms, column))
            named = [(_local_name(quarter, by, place), sums) for quarter, sums in sorted(quarters)]
            return _merged(named)
        groups = await self._database.read(lambda connection: _sums(connection, since_ms, _COLUMN[by]))
        sums = _merged(groups)
        return tuple(sorted(sums, key=lambda one: (-one.cost_nano_usd, -one.requests, one.key)))

    def write(self, connection: Connection, records: Sequence[ProviderUsage]) -> None:
        """Writes records in the caller's transaction. One that is there already stays as it is."""
        if records:
            statement = insert(provider_usage).on_conflict_do_nothing(index_elements=["id"])
            connection.execute(statement, [_row(record) for record in records])

    def _is_free(self, record: ProviderUsage) -> bool:
        return record.message_id is None or record.message_id in self._finished

    def _free_records(self) -> list[ProviderUsage]:
        with self._lock:
            return [record for record in self._pending.values() if self._is_free(record)]

    def _plan(self) -> None:
        written: list[str] = []

        def ended(committed: bool) -> None:
            if committed:
                self.forget(written)
            again = bool(self._free_records())
            with self._lock:
                self._planned = again
            if again:
                self._plan()

        flush_s = self._database.timings.usage_flush_s
        if not self._database.later(
            flush_s, lambda connection: self._write(connection, self._free_records(), written), ended
        ):
            log.warning("a usage record came after the database was closed and is lost")

    def _write(self, connection: Connection, records: Sequence[ProviderUsage], written: list[str]) -> None:
        self.write(connection, records)
        written.extend(record.id for record in records)

    def _write_all(self, connection: Connection) -> None:
        with self._lock:
            records = list(self._pending.values())
        self.write(connection, records)


def _whole(value: int) -> int:
    return min(max(value, -LARGEST), LARGEST)


def _seconds(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _row(record: ProviderUsage) -> dict[str, Any]:
    usage = record.usage
    return {
        "id": record.id,
        "started_ms": record.started_ms,
        "provider": record.provider,
        "model": record.model,
        "capability": record.capability,
        "action_id": record.action_id,
        "attempt": record.attempt,
        "outcome": record.outcome,
        "prompt_tokens": _whole(usage.prompt_tokens),
        "completion_tokens": _whole(usage.completion_tokens),
        "cached_tokens": _whole(usage.cached_tokens),
        "reasoning_tokens": _whole(usage.reasoning_tokens),
        "estimated": usage.estimated,
        "cost_nano_usd": None if record.cost_nano_usd is None else _whole(record.cost_nano_usd),
        "queue_s": _seconds(usage.queue_s),
        "prompt_s": _seconds(usage.prompt_s),
        "completion_s": _seconds(usage.completion_s),
        "ttft_s": _seconds(record.ttft_s),
        "total_s": _seconds(record.total_s) or 0.0,
        "message_id": record.message_id,
        "conversation_id": record.conversation_id,
        "agent_id": record.agent_id,
        "request_id": record.request_id,
        "error_kind": record.error_kind,
        "status": record.status,
    }


Sums = tuple[int, ...]


def _sums(connection: Connection, since_ms: int, key: ColumnElement[Any]) -> list[tuple[Any, Sums]]:
    columns = provider_usage.c
    statement = (
        select(
            key,
            func.count(),
            func.count().filter(columns.outcome == "failed"),
            func.sum(columns.prompt_tokens),
            func.sum(columns.cached_tokens),
            func.sum(columns.completion_tokens),
            func.sum(columns.reasoning_tokens),
            func.coalesce(func.sum(columns.cost_nano_usd), 0),
            func.count().filter(columns.cost_nano_usd.is_(None)),
        )
        .where(columns.started_ms >= since_ms, columns.started_ms < LAST_MS)
        .group_by(key)
    )
    # A damaged row may hold anything; it must not take the page of all others along.
    return [
        (row[0], tuple(value if isinstance(value, int) else 0 for value in row[1:]))
        for row in connection.execute(statement)
        if row[0] is not None
    ]


def _merged(groups: Iterable[tuple[str, Sums]]) -> tuple[UsageSum, ...]:
    merged: dict[str, Sums] = {}
    for key, sums in groups:
        before = merged.get(key)
        merged[key] = sums if before is None else tuple(map(operator.add, before, sums))
    return tuple(UsageSum(key, *sums) for key, sums in merged.items())


def _local_name(quarter: int, by: UsageGroup, zone: ZoneInfo) -> str:
    local = datetime.fromtimestamp(quarter * QUARTER_MS / 1000, UTC).astimezone(zone)
    if by == "day":
        return local.date().isoformat()
    return local.replace(minute=0).isoformat(timespec="minutes")
