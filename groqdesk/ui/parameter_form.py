"""The form of a model's parameters, generated from core.parameters: nothing here knows a parameter by more than its kind."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from groqdesk.core import parameters
from groqdesk.core.catalog import ModelInfo
from groqdesk.core.parameters import Parameter, Problem
from groqdesk.ui.controls import (
    Button,
    ChipInput,
    FieldLabel,
    IconButton,
    Label,
    PopoverItem,
    PopoverMenu,
    Segment,
    Segments,
    Slider,
    SpinField,
    TextField,
    Toggle,
    plain_tooltip,
)
from groqdesk.ui.link_button import LinkButton
from groqdesk.ui.text_editor import TextEditor
from groqdesk.ui.theme import Theme, theme, themed

UNSET = "default-of-the-server"
COMMIT_MS = 120
LARGEST = 2_147_483_647


class ParameterRow(QWidget):
    """A label with the "changed" dot, an editor, and below it what is wrong with the value.

    `changed(name, value)`: the person chose a value; None is the default. Of a drag or of steps that follow each other
    only the last value counts, taken at a pause, when the knob is let go and when focus leaves.
    """

    changed = Signal(str, object)

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        self._waiting: object = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(COMMIT_MS)
        self._pause.timeout.connect(lambda: self._emit(self._waiting))
        self.label = FieldLabel(parameter.label)
        self.label.reset_requested.connect(lambda: self._emit(None))
        self.label.setToolTip(plain_tooltip(parameter.help))
        self._fix: Problem | None = None
        self._problem = QWidget()
        problem = self._problem_row = QVBoxLayout(self._problem)
        problem.setContentsMargins(0, 0, 0, 0)
        self.problem_label = Label("", role="small", tone="danger", wrap=True)
        self.fix_button = Button("", size="small")
        self.fix_button.clicked.connect(self._on_fix_clicked)
        problem.addWidget(self.problem_label)
        problem.addWidget(self.fix_button)
        self._problem.hide()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.label)
        self.build()
        self._column.addWidget(self._problem)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        self._column.setSpacing(theme.px(5))
        self._problem_row.setSpacing(theme.px(6))

    def build(self) -> None:
        """Adds the editor to `_column`."""
        raise NotImplementedError

    def show_value(self, value: object) -> None:
        """Shows a value; None is the default."""
        raise NotImplementedError

    def update_row(self, value: object, problem: Problem | None) -> None:
        """Value, dot and problem together."""
        self.show_value(value)
        default = self.parameter.default
        differs = value is not None and value != default
        self.label.set_changed(self._default_text() if differs else None)
        self._fix = problem
        self._problem.setVisible(problem is not None and self.shows_problem())
        if problem is not None:
            self.problem_label.setText(problem.sentence)
            self.fix_button.setText(problem.fix_label)
        self.mark_problem(problem is not None)

    def shows_problem(self) -> bool:
        """Whether the row, not the editor, shows what is wrong."""
        return True

    def mark_problem(self, wrong: bool) -> None:
        """The editor's border."""

    def _default_text(self) -> str:
        default = self.parameter.default
        if default is None:
            return "the model's own"
        for choice in self.parameter.choices:
            if choice.value == default:
                return choice.label
        if isinstance(default, bool):
            return "on" if default else "off"
        if isinstance(default, (int, float)):
            return f"{default:.2f}" if self.parameter.kind == "float" else f"{default:,}"
        return "none"

    def _on_fix_clicked(self) -> None:
        if self._fix is not None:
            self._emit(self._fix.fix_value)

    def _emit(self, value: object) -> None:
        self._pause.stop()
        self.changed.emit(self.parameter.name, value)

    def _emit_soon(self, value: object) -> None:
        self._waiting = value
        self._pause.start()

    def _emit_now(self) -> None:
        if self._pause.isActive():
            self._emit(self._waiting)

    def _take_from(self, field: SpinField) -> None:
        field.changed.connect(self._emit_soon)
        field.edit.returnPressed.connect(self._emit_now)
        field.edit.installEventFilter(self)

    def _may_replace(self, field: SpinField, number: object) -> bool:
        """Not what is being typed, nor what was typed wrong."""
        return field.value() != number or not (field.edit.hasFocus() or field.error)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leaving the editor takes what it shows: what comes next may be a question, or another chat."""
        if event.type() == QEvent.Type.FocusOut:
            self._emit_now()
        return False


class FloatRow(ParameterRow):
    """A slider and a field for the same number; what is stepped is taken when it rests."""

    def build(self) -> None:
        p = self.parameter
        low, high, step = p.minimum or 0.0, p.maximum if p.maximum is not None else 1.0, p.step or 0.01
        default = p.default if isinstance(p.default, (int, float)) else None
        self._rest = low if default is None else float(default)
        self.slider = Slider(low, high, step, name=p.label, value=self._rest, default=self._rest)
        self.field = SpinField(
            low,
            high,
            step,
            name=f"{p.label}, number",
            value=default,
            decimals=2,
            empty="Default" if default is None else "",
        )
        self.field.setFixedWidth(theme().px(76))
        self.slider.moved.connect(self._on_moved)
        self.slider.sliderReleased.connect(self._emit_now)
        self.slider.installEventFilter(self)
        self._take_from(self.field)
        self._line = QHBoxLayout()
        self._line.addWidget(self.slider, 1)
        self._line.addWidget(self.field)
        self._column.addLayout(self._line)
        self.label.label.setBuddy(self.slider)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gap between slider and field."""
        super().apply_theme(theme)
        self._line.setSpacing(theme.px(12))
        self.field.setFixedWidth(theme.px(76))

    def show_value(self, value: object) -> None:
        if self._pause.isActive():
            return
        number = float(value) if isinstance(value, (int, float)) else None
        self.slider.set_number(self._rest if number is None else number)
        if self._may_replace(self.field, number):
            shown = number if number is not None else self._rest if self.parameter.default is not None else None
            self.field.set_value(shown)

    def _on_moved(self, value: float) -> None:
        self.field.set_value(value)
        self._emit_soon(value)

    def shows_problem(self) -> bool:
        return not self.field.error


class IntRow(ParameterRow):
    """A field for a whole number; empty is the default. A seed has dice that draw one."""

    def build(self) -> None:
        p = self.parameter
        default = p.default if isinstance(p.default, int) else None
        high = p.maximum if p.maximum is not None else LARGEST
        empty = "Random" if p.name == "seed" else "No limit" if default is None else ""
        if p.name == "max_completion_tokens" and p.maximum is not None:
            empty = f"{p.maximum:,.0f}"
        self.field = SpinField(p.minimum or 0, high, p.step or 1, name=p.label, value=default, empty=empty)
        self.field.setMinimumWidth(theme().px(80))
        self._take_from(self.field)
        self._column.addWidget(self.field)
        self.label.label.setBuddy(self.field.edit)
        if p.name == "seed":
            self.field.stepper.hide()
            self.dice = IconButton("seed", "Draw a seed", dense=True)
            self.dice.clicked.connect(lambda: self._emit(random.randrange(0, LARGEST)))  # noqa: S311, not a secret
            self.field.add_trailing(self.dice)

    def show_value(self, value: object) -> None:
        if self._pause.isActive():
            return
        number = value if isinstance(value, int) else self.parameter.default
        if self._may_replace(self.field, number):
            self.field.set_value(number if isinstance(number, int) else None)

    def shows_problem(self) -> bool:
        return not self.field.error


class StringsRow(ParameterRow):
    """A few texts as chips, "1 of 4"."""

    def build(self) -> None:
        p = self.parameter
        self.chips = ChipInput(name=p.label, limit=p.max_items or 4)
        self.chips.changed.connect(lambda values: self._emit(tuple(values) or None))
        self._column.addWidget(self.chips)
        self.label.label.setBuddy(self.chips.edit)

    def show_value(self, value: object) -> None:
        texts = tuple(value) if isinstance(value, (list, tuple)) else ()
        if texts != self.chips.values():
            self.chips.set_values(texts)
        self.label.note.setText(f"{len(texts)} of {self.parameter.max_items or 4}")


class SegmentsRow(ParameterRow):
    """A choice of up to four values side by side."""

    def build(self) -> None:
        self.segments = Segments(_segments(self.parameter), name=self.parameter.label)
        self.segments.changed.connect(lambda value: self._emit(None if value == UNSET else value))
        self._column.addWidget(self.segments)

    def show_value(self, value: object) -> None:
        self.segments.set_value(str(value if value is not None else self.parameter.default or UNSET))


class ListRow(ParameterRow):
    """A choice of more values: a button that opens a list."""

    def build(self) -> None:
        self.button = Button("", trailing_icon="stepper", name=self.parameter.label)
        self.menu = PopoverMenu(name=self.parameter.label, width=240, parent=self.button)
        self.menu.chosen.connect(lambda value: self._emit(None if value == UNSET else value))
        self.button.clicked.connect(lambda: self.menu.open_at(self.button))
        self._column.addWidget(self.button)

    def show_value(self, value: object) -> None:
        present = str(value if value is not None else self.parameter.default or UNSET)
        rows = tuple(PopoverItem(segment.id, segment.text) for segment in _segments(self.parameter))
        self.menu.set_items(rows, present)
        self.button.setText(next((row.text for row in rows if row.id == present), "Default"))
        self.button.setAccessibleName(f"{self.parameter.label}: {self.button.text()}")


def _segments(parameter: Parameter) -> list[Segment]:
    first = [] if parameter.default is not None else [Segment(UNSET, "Default")]
    return first + [Segment(choice.value, choice.label) for choice in parameter.choices]


class ToggleRow(ParameterRow):
    """On or off, the switch at the right of its label."""

    def build(self) -> None:
        self.toggle = Toggle(name=self.parameter.label)
        self.toggle.clicked.connect(lambda on: self._emit(bool(on)))
        self._column.removeWidget(self.label)
        line = QHBoxLayout()
        line.addWidget(self.label, 1)
        line.addWidget(self.toggle)
        self._column.addLayout(line)
        self.label.label.setBuddy(self.toggle)

    def show_value(self, value: object) -> None:
        self.toggle.setChecked(bool(self.parameter.default if value is None else value))


class JsonRow(ParameterRow):
    """A small editor for a JSON object; what cannot be read is said and not taken."""

    def build(self) -> None:
        self.editor = TextEditor(name=self.parameter.label, placeholder="{ }", mono=True, min_lines=4)
        self.editor.committed.connect(self._on_committed)
        self._column.addWidget(self.editor)
        self.label.label.setBuddy(self.editor.edit)
        self._unreadable = ""

    def show_value(self, value: object) -> None:
        if self._unreadable:
            return
        text = json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, Mapping) else ""
        if not self.editor.edit.hasFocus() or not text:
            self.editor.set_text(text)

    def mark_problem(self, wrong: bool) -> None:
        if self._unreadable:
            self.problem_label.setText(self._unreadable)
            self._problem.show()
        self.fix_button.setVisible(not self._unreadable)
        self.editor.set_error(wrong or bool(self._unreadable))

    def _on_committed(self, text: str) -> None:
        self._unreadable = ""
        value: object = None
        if text.strip():
            try:
                value = parameters.parse_text(self.parameter.name, text)
            except ValueError as error:
                self._unreadable = str(error).replace(self.parameter.name, "This", 1)
                self.mark_problem(True)
                return
        self._problem.hide()
        self._emit(value)


class TextRow(ParameterRow):
    """One line of text."""

    def build(self) -> None:
        longest = int(self.parameter.maximum) if self.parameter.maximum else 32767
        self.field = TextField(name=self.parameter.label, compact=True, max_length=longest)
        self.field.committed.connect(lambda text: self._emit(text or None))
        self._column.addWidget(self.field)
        self.label.label.setBuddy(self.field.edit)

    def show_value(self, value: object) -> None:
        if not self.field.edit.hasFocus():
            self.field.setText(str(value or ""))


def row_for(parameter: Parameter, room: int) -> ParameterRow:
    """The row that a kind of parameter gets; `room` is the width in px that choices may take side by side."""
    match parameter.kind:
        case "float":
            return FloatRow(parameter)
        case "int":
            return IntRow(parameter)
        case "strings":
            return StringsRow(parameter)
        case "bool":
            return ToggleRow(parameter)
        case "json":
            return JsonRow(parameter)
        case "text":
            return TextRow(parameter)
    if len(_segments(parameter)) <= 4:
        row = SegmentsRow(parameter)
        if row.segments.minimumSizeHint().width() <= room:
            return row
        row.deleteLater()
    return ListRow(parameter)


class ParameterForm(QWidget):
    """Rows of all parameters that the model takes; rebuilt only for a model that takes others.

    `changed(name, value)` comes from the rows.
    """

    changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parameters: tuple[Parameter, ...] = ()
        self.rows: dict[str, ParameterRow] = {}
        self._more_open = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._more_button = LinkButton("", trailing_icon="fold")
        self._more_button.clicked.connect(self._on_more_clicked)
        self._more = QWidget()
        self._dropped = Label("", role="small", tone="tertiary", wrap=True)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        self._column.setSpacing(theme.px(12))

    def show_values(
        self, model: ModelInfo | None, provider: str, values: Mapping[str, Any], dropped: Sequence[str]
    ) -> None:
        """The parameters of a model with their values; `dropped` are settings that it does not take."""
        dialect = parameters.dialect_of(provider)
        offered = parameters.for_model(model, dialect)
        if offered != self._parameters:
            self._parameters = offered
            self._rebuild()
        problems = {problem.name: problem for problem in parameters.validate(model, values, dialect)}
        with_schema = values.get("response_format") == "json_schema"
        for name, row in self.rows.items():
            row.update_row(values.get(name), problems.get(name))
            if name in ("response_schema", "strict_schema"):
                row.setVisible(with_schema)
        count = len(dropped)
        words = "1 setting does" if count == 1 else f"{count} settings do"
        self._dropped.setText(f"{words} not apply to this model.")
        self._dropped.setVisible(count > 0)
        labels = {parameter.name: parameter.label for parameter in parameters.PARAMETERS}
        self._dropped.setToolTip(plain_tooltip(", ".join(labels.get(name, name) for name in dropped)))

    def _rebuild(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            _discard(item, {self._more_button, self._dropped})
        self.rows = {}
        look = theme()
        room = look.px(232)  # the narrowest inspector without its margins
        plain = [p for p in self._parameters if not p.advanced or p.name == "strict_schema"]
        more = [p for p in self._parameters if p.advanced and p.name != "strict_schema"]
        numbers: list[ParameterRow] = []
        for parameter in plain:
            row = self._add_row(parameter, room)
            if parameter.kind == "int":
                numbers.append(row)
                if len(numbers) == 2:
                    self._column.addWidget(_pair(numbers))
                    numbers = []
                continue
            self._flush(numbers)
            self._column.addWidget(row)
        self._flush(numbers)
        self._more = QWidget()
        inside = QVBoxLayout(self._more)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(look.px(12))
        for parameter in more:
            inside.addWidget(self._add_row(parameter, room))
        self._more_button.setVisible(bool(more))
        self._column.addWidget(self._more_button)
        self._column.addWidget(self._more)
        self._column.addWidget(self._dropped)
        self._show_more(len(more))

    def _flush(self, numbers: list[ParameterRow]) -> None:
        for row in numbers:
            self._column.addWidget(row)
        numbers.clear()

    def _add_row(self, parameter: Parameter, room: int) -> ParameterRow:
        row = row_for(parameter, room)
        row.changed.connect(self.changed)
        self.rows[parameter.name] = row
        return row

    def _show_more(self, count: int) -> None:
        self._more.setVisible(self._more_open and count > 0)
        words = "1 more setting" if count == 1 else f"{count} more settings"
        self._more_button.setText("Fewer settings" if self._more_open else words)
        self._more_button.set_trailing_icon("fold.open" if self._more_open else "fold")

    def _on_more_clicked(self) -> None:
        self._more_open = not self._more_open
        self._show_more(sum(1 for p in self._parameters if p.advanced and p.name != "strict_schema"))


def _pair(rows: Sequence[ParameterRow]) -> QWidget:
    """Two narrow rows side by side."""
    box = QWidget()
    grid = QGridLayout(box)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme().px(12))
    for column, row in enumerate(rows):
        grid.addWidget(row, 0, column)
        grid.setColumnStretch(column, 1)
    return box


def _discard(item: Any, kept: set[QWidget]) -> None:
    widget = item.widget()
    if widget is None:
        return
    if widget in kept:
        widget.setParent(None)
        return
    widget.hide()
    widget.deleteLater()
