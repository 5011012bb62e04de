"""The cyclic garbage collector in the window's thread."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from groqdesk.ui import garbage


@pytest.fixture(autouse=True)
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Cycle(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.me = self


def test_nothing_is_done_while_little_was_made() -> None:
    gc.collect()
    assert garbage.collect_due() is None


def test_old_generations_come_less_often() -> None:
    rounds = garbage.ROUNDS + 1
    done: list[int | None] = []
    for _ in range((rounds + 1) ** 2):
        kept = [[] for _ in range(garbage.YOUNG_OBJECTS + 100)]
        done.append(garbage.collect_due())
        del kept
    assert None not in done
    assert done.count(2) == 1
    assert done.count(1) == rounds
    assert done[:rounds] == [0] * rounds


def test_a_cycle_waits_for_the_windows_thread(qapp: QApplication) -> None:
    places: list[str] = []
    gc.enable()
    with garbage.collected_here():
        assert not gc.isenabled()
        cycle = Cycle()
        weakref.finalize(cycle, lambda: places.append(threading.current_thread().name))
        del cycle

        def allocate() -> None:
            made = [[[]] for _ in range(10_000)]
            made.clear()

        worker = threading.Thread(target=allocate)
        worker.start()
        worker.join()
        assert places == []
    assert places == [threading.main_thread().name]
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off(qapp: QApplication) -> None:
    with garbage.collected_here():
        pass
    assert not gc.isenabled()
