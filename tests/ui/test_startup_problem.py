"""The window in place of the app answers keys as any dialog does."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from groqdesk.core.errors import DatabaseTooNew
from groqdesk.core.settings import Folders
from groqdesk.ui.startup_problem import StartupProblem
from groqdesk.ui.theme import ThemeController


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape])
def test_enter_and_escape_quit(qtbot: QtBot, qapp: object, tmp_path: Path, key: Qt.Key) -> None:
    ThemeController(qapp)  # type: ignore[arg-type]
    problem = DatabaseTooNew("The database was made by a newer groqdesk. Nothing was changed.")
    window = StartupProblem(problem, Folders(tmp_path, tmp_path / "logs"))
    qtbot.addWidget(window)
    window.show()
    with qtbot.waitSignal(window.closed, timeout=2000):
        qtbot.keyClick(window, key)
