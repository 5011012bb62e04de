"""Tells assistive technology what a streaming answer says, in whole sentences and not more than once a second."""

from __future__ import annotations

import re

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

EVERY_MS = 1_000
_SENTENCE_END = re.compile(r"[.!?…:。!?](?=\s)|\n")
_MARKUP = re.compile(r"[*_`#>|]+")


class SentenceAnnouncer(QObject):
    """Collects streamed text; `announced` carries the finished sentences, also sent to the screen reader."""

    announced = Signal(str)

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._waiting = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._speak)

    def add(self, text: str) -> None:
        """Takes streamed text; what is not a whole sentence waits."""
        self._waiting += text
        if not self._timer.isActive():
            self._timer.start()

    def finish(self) -> None:
        """No more text: the rest counts as a sentence."""
        if self._waiting.strip():
            self._waiting += "\n"
            self._timer.start()

    def _speak(self) -> None:
        ends = [found.end() for found in _SENTENCE_END.finditer(self._waiting)]
        if not ends:
            return
        whole, self._waiting = self._waiting[: ends[-1]], self._waiting[ends[-1] :]
        spoken = " ".join(_MARKUP.sub(" ", whole).split())
        if spoken:
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._widget, spoken))
            self._widget.setAccessibleDescription(spoken)
            self.announced.emit(spoken)
