"""What is shown when the data cannot be opened: the sentence, the cause, what helps."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from groqdesk.core.errors import DatabaseDamaged, DatabaseTooNew, DataInUse, GroqdeskError
from groqdesk.core.settings import Folders
from groqdesk.ui import icons
from groqdesk.ui.controls import Button, ElidedLabel, Label
from groqdesk.ui.theme import Theme, theme, themed


class StartupProblem(QWidget):
    """A small window in place of the app. `closed` when the person is done; `folder_requested(path)` to look at files."""

    closed = Signal()
    folder_requested = Signal(str)

    def __init__(self, problem: GroqdeskError, folders: Folders) -> None:
        super().__init__()
        self.setWindowTitle("groqdesk")
        self.setProperty("surface", "base")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.title = Label("groqdesk cannot open its data", role="title")
        self.sentence = Label(problem.message, wrap=True, selectable=True)
        where = folders.data
        action = "Show data folder"
        if isinstance(problem, (DatabaseTooNew, DatabaseDamaged)) and folders.backups.is_dir():
            where, action = folders.backups, "Open backup folder"
        self.path = ElidedLabel(str(folders.data), role="codeSmall", tone="tertiary", mode=Qt.TextElideMode.ElideMiddle)
        self.folder_button = Button(action)
        self.folder_button.clicked.connect(lambda: self.folder_requested.emit(str(where)))
        self.folder_button.setVisible(not isinstance(problem, DataInUse) and Path(where).is_dir())
        self.quit_button = Button("Quit", "primary")
        self.quit_button.clicked.connect(self.closed)
        buttons = self._buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.quit_button)
        column = self._column = QVBoxLayout(self)
        for widget in (self.title, self.sentence, self.path):
            column.addWidget(widget)
        column.addStretch(1)
        column.addLayout(buttons)
        self.quit_button.setFocus()
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes sizes."""
        px = theme.px
        self._column.setContentsMargins(px(64), px(24), px(24), px(20))
        self._column.setSpacing(px(8))
        self._buttons.setSpacing(px(8))
        self.setFixedSize(px(520), px(216))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The ground of the style sheet, and the icon."""
        super().paintEvent(event)
        look = theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), look.color("bg.base"))
        icons.draw(painter, "error", "danger.text", QRectF(look.px(24), look.px(24), look.px(24), look.px(24)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus, Esc quits."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            (self.folder_button if self.folder_button.hasFocus() else self.quit_button).click()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Closing is quitting."""
        event.accept()
        self.closed.emit()
