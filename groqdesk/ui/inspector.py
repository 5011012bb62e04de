"""The inspector at the right of the Playground: the model, its parameters, the instructions."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.core import tokens
from groqdesk.core.catalog import ModelInfo, capability_words
from groqdesk.ui import icons
from groqdesk.ui.answer_facts import UNKNOWN, compact, short_model
from groqdesk.ui.controls import (
    Bar,
    Button,
    Chip,
    ElidedLabel,
    FlowLayout,
    Hairline,
    Label,
    Tabs,
    plain_tooltip,
)
from groqdesk.ui.controls.painting import Hovered, box
from groqdesk.ui.link_button import LinkButton
from groqdesk.ui.model_picker import price_text, state_text
from groqdesk.ui.parameter_form import ParameterForm
from groqdesk.ui.scroll_bar import QuietScrollBar
from groqdesk.ui.text_editor import TextEditor
from groqdesk.ui.theme import Theme, theme, themed
from groqdesk.viewmodels.chat import ChatState


class _HeaderTabs(Tabs):
    """Tabs as high as the header beside them, so that the line lies on the header's edge."""

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        self._height = theme.size("header") - 1
        self.setFixedHeight(self._height)


class _Fact(QWidget):
    """A value over its name."""

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.value = Label(UNKNOWN, role="heading")
        self.setToolTip(tip)
        self._name = name
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(self.value)
        column.addWidget(Label(name, role="caption", tone="secondary"))

    def set_value(self, text: str) -> None:
        self.value.setText(text)
        self.setAccessibleName(f"{self._name}: {text}")


class ModelCard(Hovered, QAbstractButton):
    """Name, id, context, speed, price, what it can do, how full its context is; a click opens the picker."""

    successor_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Choose a model  Ctrl+L")
        self.name_label = ElidedLabel("", role="heading")
        self.id_label = ElidedLabel("", role="codeSmall", tone="tertiary")
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(self.name_label)
        names.addWidget(self.id_label)
        self._head = QHBoxLayout()
        self._head.addLayout(names, 1)
        self.context = _Fact(
            "context", "Context: tokens that the model can read and write at once. From the model list."
        )
        self.speed = _Fact("tok/s", "Speed: tokens a second that the provider states. From the model list.")
        self.price = _Fact("per M in / out", "Price of a million tokens read and written. From the model list.")
        facts = self._facts = QHBoxLayout()
        for fact in (self.context, self.speed, self.price):
            facts.addWidget(fact, 0, Qt.AlignmentFlag.AlignLeft)
        facts.insertStretch(1, 1)
        facts.insertStretch(3, 2)
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self.successor_button = Button("", size="small")
        self.successor_button.clicked.connect(self.successor_requested)
        self.successor_button.hide()
        self.used = Label("", role="small", tone="secondary")
        self.bar = Bar(name="Context in use")
        used = QHBoxLayout()
        used.addWidget(Label("Context in use", role="small", tone="secondary"))
        used.addStretch(1)
        used.addWidget(self.used)
        self._line = Hairline()
        upper = self._upper = QVBoxLayout()
        upper.addLayout(self._head)
        upper.addLayout(facts)
        upper.addWidget(self._chips)
        upper.addWidget(self.successor_button, 0, Qt.AlignmentFlag.AlignLeft)
        lower = self._lower = QVBoxLayout()
        lower.addLayout(used)
        lower.addWidget(self.bar)
        column = self._column = QVBoxLayout(self)
        column.setSpacing(0)
        column.addLayout(upper)
        column.addWidget(self._line)
        column.addLayout(lower)
        for label in self.findChildren(Label):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._shown: tuple[object, ...] = ()
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes paddings and gaps."""
        px = theme.px
        self.setProperty("focusRing", theme.radius("lg"))
        self._column.setContentsMargins(1, 1, 1, 1)
        self._upper.setContentsMargins(px(12), px(13), px(12), px(11))
        self._upper.setSpacing(px(11))
        self._head.setContentsMargins(0, 0, px(24), 0)
        self._lower.setContentsMargins(px(12), px(10), px(12), px(12))
        self._lower.setSpacing(px(6))
        self._facts.setSpacing(px(8))
        self._flow.set_gaps(px(5), px(5))
        self.update()

    def sizeHint(self) -> QSize:
        """As high as its layout asks for at the present width."""
        hint = self._column.sizeHint()
        width = self.width() if self.width() > 100 else theme().px(264)
        return QSize(
            hint.width(), self._column.totalHeightForWidth(width) if self._column.hasHeightForWidth() else hint.height()
        )

    def minimumSizeHint(self) -> QSize:
        """Narrow, but never lower than its content."""
        return QSize(theme().px(160), self.sizeHint().height())

    def hasHeightForWidth(self) -> bool:
        """Yes: chips wrap."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The layout's height."""
        return self._column.totalHeightForWidth(width)

    def show_model(self, state: ChatState, other: ModelInfo | None) -> None:
        """The model of the state and the tokens in use; `other` is offered in place of one that ends."""
        model = state.model
        name = model.name if model else short_model(state.choice.model)
        self.name_label.setText(name)
        self.id_label.setText(model.id if model else state.choice.model)
        context = model.context_tokens if model else None
        self.context.set_value(compact(context) if context else UNKNOWN)
        self.speed.set_value(f"{model.speed_tok_s:,}" if model and model.speed_tok_s else UNKNOWN)
        self.price.set_value(price_text(model) if model else UNKNOWN)
        used = compact(state.context_tokens)
        self.used.setText(f"{used} of {compact(context)}" if context else used)
        share = state.context_tokens / context if context else 0.0
        self.bar.set_share(share, "danger" if share >= 1 else "warning" if share >= 0.8 else "neutral")
        self.setAccessibleName(f"Model {name}. Context in use: {self.used.text()}. Choose a model")
        facts = (model, other.id if other else "")
        if facts != self._shown:
            self._shown = facts
            self._show_chips(model, other)
        self.updateGeometry()

    def _show_chips(self, model: ModelInfo | None, other: ModelInfo | None) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        words = capability_words(model) if model else ()
        for word in words:
            chip = Chip(word)
            chip.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            self._flow.addWidget(chip)
            chip.show()
        ended = model is not None and not model.selectable
        state = state_text(model) if model else ""
        if model is not None and state:
            chip = Chip(state, "bad" if ended else "outline", icon="error" if ended else "")
            chip.setToolTip(plain_tooltip(model.note))
            self._flow.addWidget(chip)
            chip.show()
        offered = other is not None and (ended or (model is not None and model.ends_on is not None))
        self.successor_button.setVisible(offered)
        if other is not None:
            self.successor_button.setText(f"Use {other.name}")
        self._chips.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, hairline, chevrons."""
        look = theme()
        painter = QPainter(self)
        border = look.color("border.strong" if self._hovered else "border.default")
        box(painter, QRectF(self.rect()), look.radius("lg"), look.color("bg.raised"), border)
        size = look.px(16)
        area = QRectF(self.width() - look.px(16) - size, look.px(22), size, size)
        icons.draw(painter, "stepper", "text.primary" if self._hovered else "text.secondary", area)


class _Fold(QWidget):
    """A heading that shows or hides what is below it."""

    toggled = Signal(bool)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.label = Label(text, role="heading")
        self.note = Label("", role="small", tone="tertiary")
        self.button = LinkButton("Show")
        self.button.setAccessibleName(f"Show {text.lower()}")
        self.opened = False
        self.button.clicked.connect(self._on_clicked)
        self._text = text
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label)
        row.addWidget(self.note)
        row.addStretch(1)
        row.addWidget(self.button)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self._row.setSpacing(theme.px(8))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.set_open(not self.opened, by_user=True)

    def _on_clicked(self) -> None:
        self.set_open(not self.opened, by_user=True)

    def set_open(self, opened: bool, *, by_user: bool = False) -> None:
        if opened != self.opened:
            self.opened = opened
            self.button.setText("Hide" if opened else "Show")
            self.button.setAccessibleName(f"{self.button.text()} {self._text.lower()}")
            self.toggled.emit(by_user)


class Inspector(QWidget):
    """Tabs over a scrolling page. Signals are what the person wants; `show_state` draws."""

    picker_requested = Signal()
    successor_requested = Signal()
    parameter_changed = Signal(str, object)
    reset_requested = Signal()
    system_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Inspector")
        self.tabs = _HeaderTabs(["Model"], name="Inspector")
        self.header = QWidget()
        self._header_row = QHBoxLayout(self.header)
        self._header_row.addWidget(self.tabs)
        self._header_row.addStretch(1)
        self.card = ModelCard()
        self.card.clicked.connect(self.picker_requested)
        self.card.successor_requested.connect(self.successor_requested)
        self.reset_button = Button("Reset", "ghost", size="small", icon="reset", name="Reset all parameters")
        self.reset_button.clicked.connect(self.reset_requested)
        self.form = ParameterForm()
        self.form.changed.connect(self.parameter_changed)
        self.fold = _Fold("Instructions")
        self.fold.toggled.connect(self._on_fold_toggled)
        self.instructions = TextEditor(
            name="Instructions", placeholder="How the model should answer, in every message", min_lines=4, max_lines=14
        )
        self.instructions.committed.connect(self.system_changed)
        self.instructions.hide()
        self.page = QWidget()
        self.page.setProperty("surface", "none")
        # As wide as the panel, whatever a long sentence would like.
        self.page.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        column = self._column = QVBoxLayout(self.page)
        column.setSpacing(0)
        top = self._top = QVBoxLayout()
        top.addWidget(self.card)
        column.addLayout(top)
        column.addWidget(Hairline())
        middle = self._middle = QVBoxLayout()
        head = QHBoxLayout()
        head.addWidget(Label("Parameters", role="heading"))
        head.addStretch(1)
        head.addWidget(self.reset_button)
        middle.addLayout(head)
        form = self._form_box = QHBoxLayout()
        form.addWidget(self.form)
        middle.addLayout(form)
        column.addLayout(middle)
        column.addWidget(Hairline())
        bottom = self._bottom = QVBoxLayout()
        bottom.addWidget(self.fold)
        bottom.addWidget(self.instructions)
        column.addLayout(bottom)
        column.addStretch(1)
        self.scroll_area = QScrollArea()
        self.scroll_area.setAccessibleName("Model and parameters")
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setWidget(self.page)
        QuietScrollBar.lie_over(self.scroll_area)
        inner = QVBoxLayout()
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.header)
        inner.addWidget(Hairline())
        inner.addWidget(self.scroll_area, 1)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(Hairline(Qt.Orientation.Vertical))
        across.addLayout(inner, 1)
        self._conversation = ""
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes sizes."""
        px = theme.px
        self.header.setFixedHeight(theme.size("header") - 1)
        self._header_row.setContentsMargins(px(16), 0, px(16), 0)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._top.setContentsMargins(px(16), px(12), px(16), px(12))
        # The word Reset, not its invisible box, ends where the fields end.
        self._middle.setContentsMargins(px(16), px(12), px(8), px(16))
        self._middle.setSpacing(px(9))
        self._form_box.setContentsMargins(0, 0, px(8), 0)
        self._bottom.setContentsMargins(px(16), px(12), px(16), px(16))
        self._bottom.setSpacing(px(8))

    def show_state(self, state: ChatState, other: ModelInfo | None) -> None:
        """Model, parameters, instructions."""
        self.card.show_model(state, other)
        self.form.show_values(state.model, state.choice.provider, state.values, state.dropped)
        self.reset_button.setEnabled(bool(state.values))
        opened = state.current.id if state.current else ""
        if opened != self._conversation:
            self._conversation = opened
            self.fold.set_open(bool(state.system))
        self.instructions.set_text(state.system)
        count = tokens.estimate(state.system) if state.system else 0
        self.fold.note.setText(f"≈ {count:,} tokens" if count else "none")

    def _on_fold_toggled(self, by_user: bool) -> None:
        self.instructions.setVisible(self.fold.opened)
        if by_user and self.fold.opened:
            self.instructions.setFocus(Qt.FocusReason.OtherFocusReason)
