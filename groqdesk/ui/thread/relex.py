"""Colours finished code exactly, a few milliseconds at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer, Signal

from groqdesk.ui.thread.blocks import CodeText
from groqdesk.ui.thread.code import Run, exact_runs

SLICE_MS = 4.0
# The clock is read once per so many tokens.
_TOKENS_PER_LOOK = 32


class RelexQueue(QObject):
    """Code texts that wait for their exact colours; `lexed` carries each one that is done (a CodeText)."""

    lexed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[tuple[CodeText, Iterator[list[list[Run]] | None]]] = deque()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.work)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, code: CodeText) -> None:
        """Queues a closed code text, once."""
        if not code.exact and all(code is not waiting for waiting, _ in self._waiting):
            self._waiting.append((code, exact_runs(code.language, list(code.lines))))
            self._timer.start()

    def clear(self) -> None:
        self._waiting.clear()
        self._timer.stop()

    def work(self) -> None:
        """Lexes for at most 4 ms of this thread's time, then gives way to the event loop."""
        started = time.thread_time()
        while self._waiting:
            code, tokens = self._waiting[0]
            for count, found in enumerate(tokens):
                if found is not None:
                    self._waiting.popleft()
                    code.runs, code.exact = found, True
                    self.lexed.emit(code)
                    break
                if count % _TOKENS_PER_LOOK == 0 and (time.thread_time() - started) * 1e3 >= SLICE_MS:
                    self._timer.start()
                    return
