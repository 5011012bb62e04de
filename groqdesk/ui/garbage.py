"""Keeps Python's cyclic garbage collector in the window's thread.

The collector runs in whichever thread happens to allocate, which is mostly the engine's. A widget or timer that is part
of a reference cycle would then be destroyed there: Qt prints "Timers cannot be stopped from another thread", and the
process crashes soon after when the window's thread still has an event for it.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from PySide6.QtCore import QTimer

INTERVAL_MS = 250
YOUNG_OBJECTS = 700  # CPython's own thresholds
ROUNDS = 10


def collect_due() -> int | None:
    """Collects the generation that is due by CPython's rule; says which one, None if none is."""
    young, rounds, older_rounds = gc.get_count()
    if young <= YOUNG_OBJECTS:
        return None
    generation = 0 if rounds <= ROUNDS else 1 if older_rounds <= ROUNDS else 2
    gc.collect(generation)
    return generation


@contextlib.contextmanager
def collected_here() -> Iterator[None]:
    """While open, garbage is collected by a timer of the calling thread only. Needs a QCoreApplication."""
    was_on = gc.isenabled()
    gc.disable()
    timer = QTimer()
    timer.setInterval(INTERVAL_MS)
    timer.timeout.connect(collect_due)
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        gc.collect()  # while we are in the right thread
        if was_on:
            gc.enable()
