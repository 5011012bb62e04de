"""Ids are UUIDv7 text and sort by time."""

from __future__ import annotations

import time
import uuid

import pytest

from groqdesk.core import ids


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = ids.now_ms()
    value = uuid.UUID(ids.new_id())
    assert value.variant == uuid.RFC_4122
    assert (value.int >> 76) & 0xF == 7
    assert before <= value.int >> 80 <= ids.now_ms()


def test_ids_differ() -> None:
    assert len({ids.new_id() for _ in range(2000)}) == 2000


def test_later_ids_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.time_ns()
    made = []
    for step in range(50):
        monkeypatch.setattr(time, "time_ns", lambda now=start + step * 1_000_000: now)
        made.append(ids.new_id())
    assert made == sorted(made)
