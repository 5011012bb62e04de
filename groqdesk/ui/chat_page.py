"""The Playground: conversations at the left, the thread with its composer, the inspector at the right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from groqdesk.core.messages import ModelChoice
from groqdesk.ui.answer_footer import longer_limit
from groqdesk.ui.chat_thread import ThreadPane
from groqdesk.ui.composer import Composer
from groqdesk.ui.controls import Hairline
from groqdesk.ui.conversation_list import ConversationSidebar
from groqdesk.ui.inspector import Inspector
from groqdesk.ui.model_picker import ModelPicker
from groqdesk.ui.side_panels import Grip, Scrim
from groqdesk.ui.theme import Theme, theme, themed
from groqdesk.ui.title_bar import TitleBar
from groqdesk.viewmodels.chat import ChatViewModel
from groqdesk.viewmodels.shell import NAMES, ShellViewModel

NARROW_PX = 1100


class ChatPage(QWidget):
    """Draws `ChatState`. Under 1100 px the sidebar and the inspector become overlays over the thread."""

    setup_requested = Signal()
    folder_requested = Signal()
    link_requested = Signal(QUrl)
    model_chosen = Signal(object)
    """The person picked a ModelChoice."""

    def __init__(
        self,
        chat: ChatViewModel,
        shell: ShellViewModel,
        now_ms: Callable[[], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("surface", "base")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._chat, self._shell, self._now_ms = chat, shell, now_ms
        self._overlay = ""
        self._narrow = False
        # Made in reading order: Tab follows it.
        self.sidebar = ConversationSidebar(self)
        self.center = QWidget(self)
        self.title_bar = TitleBar()
        self.thread_pane = ThreadPane(chat, now_ms, lambda: shell.settings.show_thinking)
        self.composer = Composer()
        column = QVBoxLayout(self.center)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.title_bar)
        column.addWidget(Hairline())
        column.addWidget(self.thread_pane, 1)
        column.addWidget(self.composer)
        self.inspector = Inspector(self)
        self.scrim = Scrim(self)
        self.scrim.hide()
        self.picker = ModelPicker(self)
        self._sidebar_grip, self._inspector_grip = Grip(self), Grip(self)
        self._days = QTimer(self)
        self._days.setInterval(60_000)
        self._days.timeout.connect(self._show_list)
        self._days.start()
        self._connect()
        self._show_all()
        themed(self)

    def _connect(self) -> None:
        chat, shell = self._chat, self._shell
        chat.changed.connect(self._show_all)
        self.sidebar.new_requested.connect(self.new_chat)
        self.sidebar.searched.connect(chat.search)
        self.sidebar.view.opened.connect(self._on_opened)
        self.sidebar.view.pin_requested.connect(chat.pin)
        self.sidebar.view.delete_requested.connect(chat.delete)
        self.sidebar.view.undo_requested.connect(chat.undo_delete)
        self.sidebar.model.renamed.connect(chat.rename)
        self.title_bar.renamed.connect(self._on_renamed)
        self.title_bar.sidebar_button.clicked.connect(self.toggle_sidebar)
        self.title_bar.inspector_button.clicked.connect(self.toggle_inspector)
        self.thread_pane.starter_chosen.connect(chat.send)
        self.thread_pane.commanded.connect(self._on_commanded)
        self.thread_pane.link_requested.connect(self.link_requested)
        self.composer.submitted.connect(chat.send)
        self.composer.stopped.connect(chat.stop)
        self.composer.edited.connect(chat.set_draft)
        self.composer.queue_cancelled.connect(chat.cancel_queued)
        self.composer.notice_acted.connect(self._on_notice_acted)
        self.composer.notice_dismissed.connect(chat.dismiss_notice)
        self.inspector.picker_requested.connect(self.open_picker)
        self.inspector.successor_requested.connect(self._on_successor)
        self.inspector.parameter_changed.connect(chat.set_parameter)
        self.inspector.reset_requested.connect(chat.reset_parameters)
        self.inspector.system_changed.connect(chat.set_system)
        self.picker.picked.connect(self.model_chosen)
        self.scrim.clicked.connect(self.close_overlay)
        self._sidebar_grip.dragged.connect(lambda by: self._resize_panel("sidebar_width", by, 200, 360))
        self._inspector_grip.dragged.connect(lambda by: self._resize_panel("inspector_width", -by, 264, 420))
        shell.settings_changed.connect(self.place)

    # --- what is drawn -----------------------------------------------------------------------------------------------

    def _show_all(self) -> None:
        state = self._chat.state
        self._show_list()
        self.sidebar.show_open(state.current.id if state.current else "")
        self.title_bar.show_title(state.current.title if state.current else "New chat", state.current is not None)
        self.inspector.show_state(state, self._chat.other_model())
        self.composer.show_state(state)
        self.thread_pane.show_state(state)

    def _show_list(self) -> None:
        state = self._chat.state
        now = dt.datetime.fromtimestamp(self._now_ms() / 1000).astimezone()
        self.sidebar.show_conversations(state.conversations, state.search, now)

    # --- commands ----------------------------------------------------------------------------------------------------

    def _on_commanded(self, message_id: str, command: str) -> None:
        chat = self._chat
        match command:
            case "regenerate":
                chat.regenerate(message_id)
            case "continue":
                chat.go_on()
            case "key":
                self.setup_requested.emit()
            case "switch":
                message = self.thread_pane.message(message_id)
                trouble = message.trouble if message else None
                self._switch(trouble.replacement if trouble else None, message_id)
            case "other":
                other = chat.other_model()
                self._switch(other.id if other else None, message_id)
            case "pick":
                self.open_picker()
            case "shorten":
                self._shorten(message_id)
            case "longer":
                message = self.thread_pane.message(message_id)
                facts = message.facts if message else None
                chat.set_parameter("max_completion_tokens", longer_limit(facts.completion_tokens if facts else None))
                chat.regenerate(message_id)

    def _switch(self, model: str | None, message_id: str) -> None:
        if model is not None:
            self.model_chosen.emit(ModelChoice(self._chat.state.choice.provider, model))
            self._chat.regenerate(message_id)

    def _shorten(self, message_id: str) -> None:
        if question := self.thread_pane.question_before(message_id):
            self.composer.set_text(question)
        self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_notice_acted(self) -> None:
        notice = self._chat.state.notice
        if notice is None:
            return
        problem = self._chat.first_problem()
        self._chat.dismiss_notice()
        if notice.kind == "parameter" and problem is not None:
            self._chat.set_parameter(problem.name, problem.fix_value)
        elif notice.action in ("Replace key", "Add a key", "Unlock"):
            self.setup_requested.emit()
        elif notice.action == "Shorten":
            self.composer.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.folder_requested.emit()

    def _on_opened(self, conversation_id: str) -> None:
        self._chat.open(conversation_id)
        self.close_overlay()

    def _on_renamed(self, title: str) -> None:
        current = self._chat.state.current
        if current is not None:
            self._chat.rename(current.id, title)

    def _on_successor(self) -> None:
        other = self._chat.other_model()
        if other is not None:
            self.model_chosen.emit(ModelChoice(self._chat.state.choice.provider, other.id))

    def new_chat(self) -> None:
        """An empty page with the caret in the composer."""
        self._chat.new_chat()
        self.close_overlay()
        self.composer.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def open_picker(self) -> None:
        """The model picker, at the model card or, without an inspector, at the composer."""
        state, shell = self._chat.state, self._shell.state
        providers = [lamp.provider for lamp in shell.lamps]
        for always in (state.choice.provider, "groq", "demo"):
            if always not in providers and not (shell.demo and always == "groq"):
                providers.append(always)
        groups = [(NAMES.get(p, p), self._chat.offered(p)) for p in providers]
        self.picker.show_models(groups, state.choice)
        anchor: QWidget = self.inspector.card if self.inspector.isVisible() else self.composer.card
        self.picker.open_at(anchor)
        # Right edges flush: the card stands at the window's edge.
        right = anchor.mapToGlobal(anchor.rect().topRight()).x()
        self.picker.move(max(0, right + 1 - self.picker.width()), self.picker.y())

    def focus_search(self) -> None:
        """The search field, with the sidebar if it is away."""
        if self.sidebar.isHidden():
            self.toggle_sidebar()
        self.sidebar.search.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.sidebar.search.edit.selectAll()

    def rename(self) -> None:
        """F2: in the list if the keyboard is there, else in the header."""
        if self.sidebar.view.hasFocus():
            self.sidebar.view.rename_current()
        elif self._chat.state.current is not None:
            self.title_bar.start_rename()

    def escape(self) -> None:
        """Esc: leaves the title as it was, else stops the answer, else closes the overlay."""
        if self.title_bar.renaming:
            self.title_bar.cancel_rename()
        elif self._chat.state.busy:
            self._chat.stop()
        else:
            self.close_overlay()

    def regions(self) -> list[QWidget]:
        """Where F6 goes, in reading order."""
        parts: list[QWidget] = [
            self.sidebar.search.edit,
            self.thread_pane.view,
            self.composer.text_area,
            self.inspector.card,
        ]
        return [part for part in parts if part.isVisible()]

    def toggle_last_waterfall(self) -> None:
        """Opens or folds the times of the last answer."""
        self.thread_pane.toggle_last_waterfall()

    # --- places ------------------------------------------------------------------------------------------------------

    def apply_theme(self, theme: Theme) -> None:
        """Places follow the text size."""
        self.place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Three columns, or overlays."""
        self.place()

    def toggle_sidebar(self) -> None:
        """Shows or hides the sidebar, as an overlay where there is no room."""
        if self._narrow:
            self._set_overlay("" if self._overlay == "sidebar" else "sidebar")
        else:
            self._shell.save_settings(sidebar_open=not self._shell.settings.sidebar_open)

    def toggle_inspector(self) -> None:
        """Shows or hides the inspector, as an overlay where there is no room."""
        if self._narrow:
            self._set_overlay("" if self._overlay == "inspector" else "inspector")
        else:
            self._shell.save_settings(inspector_open=not self._shell.settings.inspector_open)

    def close_overlay(self) -> None:
        """Back to the thread."""
        self._set_overlay("")

    @property
    def overlay(self) -> str:
        """ "sidebar", "inspector" or ""."""
        return self._overlay

    def _set_overlay(self, which: str) -> None:
        if which == self._overlay:
            return
        self._overlay = which
        self.place()
        if which == "sidebar":
            self.sidebar.search.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        elif which == "inspector":
            self.inspector.card.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _resize_panel(self, name: str, by: int, low: int, high: int) -> None:
        scale = theme().scale
        width = getattr(self._shell.settings, name) + by / scale
        self._shell.save_settings(**{name: round(min(high, max(low, width)))})

    def place(self) -> None:
        """Puts sidebar, thread and inspector where the window's width wants them."""
        look, settings = theme(), self._shell.settings
        width, height = self.width(), self.height()
        narrow = (self.window().width() / look.scale) < NARROW_PX
        if narrow != self._narrow:
            self._narrow = narrow
            self._overlay = ""
            self.thread_pane.set_actions_folded(narrow)
        if narrow:
            self.center.setGeometry(0, 0, width, height)
            side = min(look.px(280), width)
            self.sidebar.setGeometry(0, 0, side, height)
            right = min(look.px(320), width)
            self.inspector.setGeometry(width - right, 0, right, height)
            self.sidebar.setVisible(self._overlay == "sidebar")
            self.inspector.setVisible(self._overlay == "inspector")
            self.scrim.setGeometry(0, 0, width, height)
            self.scrim.setVisible(bool(self._overlay))
            self.scrim.raise_()
            (self.sidebar if self._overlay == "sidebar" else self.inspector).raise_()
        else:
            self.scrim.hide()
            left = look.px(settings.sidebar_width) if settings.sidebar_open else 0
            right = look.px(settings.inspector_width) if settings.inspector_open else 0
            spare = max(0, width - look.px(400))
            right = min(right, max(look.px(264), spare - left)) if right else 0
            self.sidebar.setVisible(settings.sidebar_open)
            self.inspector.setVisible(settings.inspector_open)
            self.sidebar.setGeometry(0, 0, left, height)
            self.inspector.setGeometry(width - right, 0, right, height)
            self.center.setGeometry(left, 0, width - left - right, height)
            self._sidebar_grip.setGeometry(left - 4, 0, 7, height)
            self._inspector_grip.setGeometry(width - right - 3, 0, 7, height)
            self._sidebar_grip.raise_()
            self._inspector_grip.raise_()
        self._sidebar_grip.setVisible(not narrow and settings.sidebar_open)
        self._inspector_grip.setVisible(not narrow and settings.inspector_open)
        self.title_bar.sidebar_button.setVisible(narrow or not settings.sidebar_open)
        self.title_bar.inspector_button.set_on(self._overlay == "inspector" or (not narrow and settings.inspector_open))
