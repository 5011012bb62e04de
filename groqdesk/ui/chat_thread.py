"""The thread of the Playground: keeps the view in step with the state, and gives each answer its header and footer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QTimer, QUrl, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QStackedLayout, QWidget
from shiboken6 import isValid

from groqdesk.core.conversations import StoredMessage
from groqdesk.ui.answer_facts import live_figures, short_model, thinking_line
from groqdesk.ui.answer_footer import AnswerFooter, FooterContext
from groqdesk.ui.controls import Button, Skeleton
from groqdesk.ui.reasoning_fold import ReasoningFold
from groqdesk.ui.scroll_bar import QuietScrollBar
from groqdesk.ui.theme import Theme, theme, themed
from groqdesk.ui.thread.turns import Turn, TurnState
from groqdesk.ui.thread.view import ThreadView
from groqdesk.ui.thread_places import EmptyThread, LoadingThread
from groqdesk.viewmodels.chat import ChatState, ChatViewModel

LIVE_MS = 250


class ThreadPane(QWidget):
    """The conversation, the page of a new chat, or the outline of one that is loading.

    `commanded(message_id, command)`: a button below an answer, see `AnswerFooter`; "copy" is done here.
    `show_thinking()` says whether thinking stays open by setting.
    """

    commanded = Signal(str, str)
    starter_chosen = Signal(str)
    link_requested = Signal(QUrl)

    def __init__(
        self,
        chat: ChatViewModel,
        now_ms: Callable[[], int],
        show_thinking: Callable[[], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Thread")
        self._chat, self._now_ms, self._show_thinking_setting = chat, now_ms, show_thinking
        self._messages: dict[str, StoredMessage] = {}
        self._order: list[str] = []
        self._folds: dict[str, ReasoningFold] = {}
        self._fold_choice: dict[str, bool] = {}
        self._footers: dict[str, AnswerFooter] = {}
        self._open_waterfalls: set[str] = set()
        self._folded_actions = False
        self._loading = False
        self.view = ThreadView(theme())
        # The scroll bar lies over the column's margin, so that the column is as wide as the composer.
        QuietScrollBar.lie_over(self.view)
        self.empty = EmptyThread()
        self.loading = LoadingThread()
        self.stack = QStackedLayout(self)
        for widget in (self.view, self.empty, self.loading):
            self.stack.addWidget(widget)
        self.newest = Button("Newest", size="small", icon="fold.open", name="Go to the newest message", parent=self)
        self.newest.hide()
        self._skeleton_wait = QTimer(self)
        self._skeleton_wait.setSingleShot(True)
        self._skeleton_wait.setInterval(Skeleton.DELAY_MS)
        self._skeleton_wait.timeout.connect(self._show_stack)
        self._live = QTimer(self)
        self._live.setInterval(LIVE_MS)
        self._live.timeout.connect(self._show_live)
        self._tabs = QTimer(self)
        self._tabs.setSingleShot(True)
        self._tabs.timeout.connect(self._order_tabs)
        chat.conversation_opened.connect(self._on_conversation_opened)
        chat.text_arrived.connect(self._on_text_arrived)
        chat.reasoning_arrived.connect(self._on_reasoning_arrived)
        self.empty.chosen.connect(self.starter_chosen)
        self.newest.clicked.connect(self.view.scroll_to_end)
        self.view.at_end_changed.connect(self._on_at_end_changed)
        self.view.link_activated.connect(self.link_requested)
        self.view.reasoning_changed.connect(self._on_reasoning_changed)
        self.view.set_header_factory(self._make_header, self._header_height)
        self.view.set_footer_factory(self._make_footer, self._footer_height)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """The view takes colours and fonts."""
        self.view.set_palette(theme)

    def show_state(self, state: ChatState) -> None:
        """Turns, figures of a running answer, empty and loading places."""
        name = state.model.name if state.model else short_model(state.choice.model)
        self.empty.show_model(name, state.choice.provider == "demo")
        self._show_turns(state)
        if state.busy != self._live.isActive():
            self._live.start() if state.busy else self._live.stop()
        if state.loading and not self._loading:
            self._skeleton_wait.start()
        self._loading = state.loading
        self._show_stack()

    def _show_stack(self) -> None:
        state = self._chat.state
        shown: QWidget = self.view if state.turns or state.busy else self.empty
        if state.loading:
            waiting = self._skeleton_wait.isActive()
            shown = (self.stack.currentWidget() or self.view) if waiting else self.loading
        if self.stack.currentWidget() is not shown:
            self.stack.setCurrentWidget(shown)
        self._show_newest()

    def set_actions_folded(self, folded: bool) -> None:
        """Where it is narrow, the actions of a message are in one menu."""
        if folded != self._folded_actions:
            self._folded_actions = folded
            for turn_id in list(self._footers):
                self._refresh(turn_id)

    def question_before(self, message_id: str) -> str:
        """The text of the question that an answer belongs to."""
        before = self._order[: self._order.index(message_id)] if message_id in self._order else []
        questions = [self._messages[turn_id] for turn_id in before if self._messages[turn_id].role == "user"]
        return questions[-1].content if questions else ""

    def message(self, message_id: str) -> StoredMessage | None:
        """A message that is shown."""
        return self._messages.get(message_id)

    def footer(self, message_id: str) -> AnswerFooter | None:
        """The footer of an answer in view."""
        found = self._footers.get(message_id)
        return found if found is not None and isValid(found) else None

    def fold(self, message_id: str) -> ReasoningFold | None:
        """The thinking of an answer in view."""
        found = self._folds.get(message_id)
        return found if found is not None and isValid(found) else None

    # --- turns -------------------------------------------------------------------------------------------------------

    def _on_conversation_opened(self) -> None:
        self._show_turns(self._chat.state)
        self._show_stack()

    def _show_anew(self, state: ChatState) -> None:
        self._folds.clear()
        self._footers.clear()
        self._fold_choice.clear()
        self._open_waterfalls.clear()
        self._messages = {turn.id: turn for turn in state.turns}
        self._order = [turn.id for turn in state.turns]
        self.view.set_turns(self._turn(turn) for turn in state.turns)

    def _turn(self, message: StoredMessage) -> Turn:
        role: Literal["user", "assistant"] = "user" if message.role == "user" else "assistant"
        live = self._chat.state.streaming_id == message.id
        if live:
            text, reasoning = self._chat.live_text()
            return Turn(message.id, role, text, reasoning, "streaming")
        state: TurnState = "interrupted"
        if message.state in ("done", "failed"):
            state = message.state
        return Turn(message.id, role, message.content, message.reasoning, state)

    def _show_turns(self, state: ChatState) -> None:
        """Makes the view show the turns of the state with as few changes as there are."""
        if state.loading:
            return
        wanted = [turn.id for turn in state.turns]
        same = 0
        while same < min(len(wanted), len(self._order)) and wanted[same] == self._order[same]:
            same += 1
        if not same and (wanted or self._order):
            self._show_anew(state)  # at once: turns that are added one by one are laid out one by one
            return
        previous_last = self.last_answer()
        if same < len(self._order):
            self.view.remove_turns_after(self._order[same - 1])
            for gone in self._order[same:]:
                self._messages.pop(gone, None)
                self._folds.pop(gone, None)
                self._footers.pop(gone, None)
            self._order = self._order[:same]
        for message in state.turns[:same]:
            if self._messages.get(message.id) is not message and self._messages.get(message.id) != message:
                self._update_turn(message)
        for message in state.turns[same:]:
            self._messages[message.id] = message
            self._order.append(message.id)
            turn = self._turn(message)
            if turn.state == "streaming":
                self.view.begin_stream(turn)
            else:
                self.view.append_turn(turn)
        last = self.last_answer()
        if previous_last != last:
            for turn_id in (previous_last, last):
                if turn_id in self._messages and turn_id in self._footers:
                    self._refresh(turn_id)

    def _update_turn(self, message: StoredMessage) -> None:
        self._messages[message.id] = message
        shown = self.view.turn(message.id)
        new = self._turn(message)
        if shown.state == "streaming" and new.state != "streaming":
            if new.text.startswith(shown.text):
                if rest := new.text[len(shown.text) :]:
                    self.view.feed(message.id, rest)
                if more := new.reasoning[len(shown.reasoning) :]:
                    self.view.feed_reasoning(message.id, more)
                self.view.end_stream(message.id, new.state)
            else:
                self.view.replace_turn(new)
        elif shown.text != new.text or shown.state != new.state:
            self.view.replace_turn(new)
        self._refresh(message.id)

    def _refresh(self, turn_id: str) -> None:
        self._folds.pop(turn_id, None)
        self._footers.pop(turn_id, None)
        self.view.refresh_widgets(turn_id)

    def last_answer(self) -> str:
        """The id of the last answer, "" if there is none."""
        answers = (turn_id for turn_id in reversed(self._order) if self._messages[turn_id].role == "assistant")
        return next(answers, "")

    def _on_text_arrived(self, turn_id: str, text: str) -> None:
        if turn_id not in self._messages:
            return
        self.view.feed(turn_id, text)
        fold = self.fold(turn_id)
        if fold is not None:
            self._show_thinking(turn_id, fold)

    def _on_reasoning_arrived(self, turn_id: str, text: str) -> None:
        if turn_id in self._messages:
            self.view.feed_reasoning(turn_id, text)

    def _on_reasoning_changed(self, turn_id: str) -> None:
        fold = self.fold(turn_id)
        if fold is None:
            self.view.refresh_widgets(turn_id)
            fold = self.fold(turn_id)
        if fold is not None:
            fold.set_text(self.view.turn(turn_id).reasoning)
            self._show_thinking(turn_id, fold)

    def _show_thinking(self, turn_id: str, fold: ReasoningFold) -> None:
        thinking = self._is_thinking(turn_id)
        fold.set_line(self._thinking_line(turn_id))
        if turn_id not in self._fold_choice:
            fold.set_opened(thinking or self._show_thinking_setting())

    def _is_thinking(self, turn_id: str) -> bool:
        return self._chat.state.streaming_id == turn_id and not self._chat.live_text()[0]

    def _thinking_line(self, turn_id: str) -> str:
        if self._chat.state.streaming_id == turn_id:
            return thinking_line(self._chat.live_facts().thought_s, None, running=self._is_thinking(turn_id))
        facts = self._messages[turn_id].facts
        if facts is None:
            return thinking_line(None, None, running=False)
        return thinking_line(facts.reasoning_s, facts.reasoning_tokens, running=False)

    def _show_live(self) -> None:
        turn_id = self._chat.state.streaming_id or ""
        footer, fold = self.footer(turn_id), self.fold(turn_id)
        if footer is not None:
            footer.set_live(live_figures(self._chat.state.choice.model, self._chat.live_facts()))
        if fold is not None:
            fold.set_line(self._thinking_line(turn_id))

    # --- widgets of a turn -------------------------------------------------------------------------------------------

    def _header_height(self, turn_id: str) -> int:
        message = self._messages.get(turn_id)
        return theme().px(24) if message is not None and message.role == "assistant" and message.reasoning else 0

    def _make_header(self, turn_id: str) -> QWidget | None:
        message = self._messages.get(turn_id)
        if message is None or message.role != "assistant":
            return None
        live = self._chat.state.streaming_id == turn_id
        reasoning = self._chat.live_text()[1] if live else message.reasoning
        if not reasoning:
            return None
        opened = self._fold_choice.get(turn_id, self._is_thinking(turn_id) or self._show_thinking_setting())
        fold = ReasoningFold(self._thinking_line(turn_id), reasoning, opened=opened)
        fold.toggled_by_user.connect(lambda on: self._fold_choice.__setitem__(turn_id, on))
        self._folds[turn_id] = fold
        self._tabs.start(0)
        return fold

    def _footer_height(self, turn_id: str) -> int:
        message = self._messages.get(turn_id)
        if message is None or message.role != "assistant":
            return 0
        return theme().px(28 if message.state in ("done", "streaming") else 78)

    def _make_footer(self, turn_id: str) -> QWidget | None:
        message = self._messages.get(turn_id)
        if message is None or message.role != "assistant":
            return None
        other = self._chat.other_model()
        context = FooterContext(
            last=turn_id == self.last_answer(),
            other=other.id if other else "",
            folded=self._folded_actions,
            opened=turn_id in self._open_waterfalls,
            now_ms=self._now_ms,
        )
        footer = AnswerFooter(message, context)
        if message.state == "streaming":
            footer.set_live(live_figures(self._chat.state.choice.model, self._chat.live_facts()))
        footer.commanded.connect(self._on_commanded)
        footer.waterfall_toggled.connect(self._on_waterfall_toggled)
        self._footers[turn_id] = footer
        self._tabs.start(0)
        return footer

    def _order_tabs(self) -> None:
        """Tab goes through what stands at the answers after the thread itself, top to bottom."""
        before: QWidget = self.view
        for turn_id in self._order:
            fold, footer = self.fold(turn_id), self.footer(turn_id)
            stops = [fold.head] if fold is not None else []
            for stop in (*stops, *(footer.tab_stops() if footer is not None else ())):
                QWidget.setTabOrder(before, stop)
                before = stop

    def _on_waterfall_toggled(self, turn_id: str, opened: bool) -> None:
        (self._open_waterfalls.add if opened else self._open_waterfalls.discard)(turn_id)

    def toggle_last_waterfall(self) -> None:
        """Opens or folds the waterfall of the last answer."""
        footer = self.footer(self.last_answer())
        if footer is not None:
            footer.toggle_waterfall()

    def _on_commanded(self, message_id: str, command: str) -> None:
        if command == "copy":
            QGuiApplication.clipboard().setText(self._messages[message_id].content)
        else:
            self.commanded.emit(message_id, command)

    # --- the button to the end ---------------------------------------------------------------------------------------

    def _on_at_end_changed(self, at_end: bool) -> None:
        self._show_newest()

    def _show_newest(self) -> None:
        away = self.stack.currentWidget() is self.view and not self.view.at_end
        self.newest.setVisible(away)
        if away:
            self.newest.adjustSize()
            x = (self.width() - self.newest.width()) // 2
            self.newest.move(x, self.height() - self.newest.height() - theme().px(4))
            self.newest.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The button keeps its place."""
        super().resizeEvent(event)
        self._show_newest()
