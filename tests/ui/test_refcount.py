"""PySide6 6.12 drops a reference of None and True on every void call and emit under CPython 3.11: the process dies."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

immortal = pytest.mark.skipif(sys.version_info >= (3, 12), reason="None and True are immortal from CPython 3.12 on")


@immortal
def test_void_calls_keep_the_references_of_none(qtbot: QtBot) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(1000):
        label.setText("x")
    assert sys.getrefcount(None) > before - 100


@immortal
def test_emits_keep_the_references_of_true() -> None:
    class Source(QObject):
        happened = Signal()

    source = Source()
    before = sys.getrefcount(True)
    for _ in range(20):
        source.happened.emit()
    assert sys.getrefcount(True) > before - 10
