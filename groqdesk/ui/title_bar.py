"""The Playground's header: the chat's title and the toggles of both panels."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from groqdesk.ui.controls import ElidedLabel, IconButton, TextField
from groqdesk.ui.theme import Theme, themed


class _Title(ElidedLabel):
    """As wide as its text, so that the pencil stands close to it; it elides where there is no room."""

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2, hint.height())


class TitleBar(QWidget):
    """Sidebar toggle (while the sidebar is away), title with pencil, inspector toggle."""

    renamed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Chat header")
        self.sidebar_button = IconButton("sidebar", "Chats", shortcut_text="Ctrl+[")
        self.title = _Title("New chat", role="header")
        self.pencil = IconButton("edit", "Rename this chat")
        self.pencil.clicked.connect(self.start_rename)
        self.editor = TextField(name="Title of the chat", compact=True, max_length=200)
        self.editor.committed.connect(self._on_committed)
        self.editor.hide()
        self.inspector_button = IconButton("inspector", "Inspector", shortcut_text="Ctrl+]")
        row = self._row = QHBoxLayout(self)
        row.addWidget(self.sidebar_button)
        names = QHBoxLayout()
        names.setSpacing(0)
        names.addWidget(self.title)
        names.addWidget(self.editor, 3)
        names.addWidget(self.pencil)
        names.addStretch(1)
        row.addLayout(names, 1)
        row.addWidget(self.inspector_button)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the height."""
        self.setFixedHeight(theme.size("header") - 1)
        self._row.setContentsMargins(theme.px(16), 0, theme.px(16), 0)
        self._row.setSpacing(theme.px(8))

    def show_title(self, title: str, can_rename: bool) -> None:
        """The title; an unsent chat has none of its own."""
        self.title.setText(title)
        self.pencil.setVisible(can_rename and self.editor.isHidden())

    def start_rename(self) -> None:
        """The title becomes a field."""
        self.editor.setText(self.title.text())
        self.title.hide()
        self.pencil.hide()
        self.editor.show()
        self.editor.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.editor.edit.selectAll()

    @property
    def renaming(self) -> bool:
        """Whether the title is a field at the moment."""
        return not self.editor.isHidden()

    def cancel_rename(self) -> None:
        """The title stays as it was."""
        self.editor.setText(self.title.text())
        self._on_committed("")

    def _on_committed(self, text: str) -> None:
        if self.editor.isHidden():
            return
        self.editor.hide()
        self.title.show()
        self.pencil.show()
        if text.strip() and text.strip() != self.title.text():
            self.renamed.emit(text.strip())
