"""Every control in one widget, as in the design's component sheet. Run it to save a picture:

python tests/ui/controls/gallery.py dark picture.png
"""

from __future__ import annotations

import sys

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QButtonGroup, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from groqdesk.ui import controls as c
from groqdesk.ui.theme import ThemeController

PARTS = (
    c.Part("Network", 38, "network"),
    c.Part("Queue", 124, "queue"),
    c.Part("Prompt", 22, "prompt"),
    c.Part("Network", 28, "network"),
    c.Part("Completion", 805, "completion"),
)


def row(*widgets: QWidget, gap: int = 8, stretch: bool = True) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(gap)
    for widget in widgets:
        line.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
    if stretch:
        line.addStretch(1)
    return line


def stacked(label: c.FieldLabel, field: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(4)
    column.addWidget(label)
    column.addWidget(field)
    column.addStretch(1)
    return column


class Gallery(QWidget):
    """Three columns of controls; `shown` lists those that must not be clipped."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("gallery")
        self.setProperty("surface", "base")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        columns = QHBoxLayout(self)
        columns.setContentsMargins(28, 24, 28, 24)
        columns.setSpacing(36)
        for fill in (self._first, self._second, self._third):
            column = QVBoxLayout()
            column.setSpacing(10)
            fill(column)
            column.addStretch(1)
            columns.addLayout(column, 1)
        self.ring = c.FocusRing(self)
        self.toast = c.Toast(self, bottom=0)

    def _first(self, column: QVBoxLayout) -> None:
        column.addWidget(c.Label("Buttons", role="heading"))
        grid = QGridLayout()
        grid.setSpacing(8)
        for line, (kind, text) in enumerate(
            (("primary", "Send"), ("secondary", "Export"), ("ghost", "Reset"), ("danger", "Delete"))
        ):
            default, hover, pressed, disabled = (c.Button(text, kind) for _ in range(4))  # type: ignore[arg-type]
            hover._hover.share = 1.0
            pressed.setDown(True)
            disabled.setEnabled(False)
            for place, button in enumerate((default, hover, pressed, disabled)):
                grid.addWidget(button, line, place)
        grid.setColumnStretch(4, 1)
        column.addLayout(grid)
        on = c.IconButton("inspector", "Inspector")
        on.set_on(True)
        off = c.IconButton("copy", "Copy")
        off.setEnabled(False)
        column.addLayout(
            row(
                c.Button("Small 26", size="small"),
                c.Button("Base 32", icon="play"),
                c.Button("Large 40", size="large"),
                c.IconButton("copy", "Copy"),
                on,
                off,
                c.IconButton("more", "More", dense=True),
                c.IconButton("send", "Send", kind="primary", side=32),
            )
        )
        column.addLayout(row(c.Button("Delete", "danger-fill"), c.Button("Test agent", "primary", icon="play")))
        column.addWidget(c.Label("Fields", role="heading"))
        self.field = c.TextField(name="Agent name", placeholder="Agent name")
        self.error = c.TextField("131,072", name="Max tokens")
        self.error.set_error("At most 65,536 tokens per reply.", "Use 65,536")
        disabled_field = c.TextField(name="Seed", placeholder="Not used by this model")
        disabled_field.setEnabled(False)
        search = c.TextField("retry", name="Search", icon="search", clearable=True, compact=True)
        fields = QGridLayout()
        fields.setSpacing(10)
        for place, (text, widget) in enumerate(
            (("Default", self.field), ("Error", self.error), ("Disabled", disabled_field), ("Search", search))
        ):
            fields.addLayout(stacked(c.FieldLabel(text, widget), widget), place // 2, place % 2)
        column.addLayout(fields)
        self.secret = c.SecretField(name="Groq API key", large=True)
        self.secret.set_secret("gsk_" + "x" * 48 + "3f9A")
        column.addWidget(self.secret)
        column.addWidget(c.Label("Choices", role="heading"))
        on_box = c.Checkbox("On")
        on_box.setChecked(True)
        some = c.Checkbox("Some")
        some.setCheckState(Qt.CheckState.PartiallyChecked)
        on_toggle = c.Toggle("On")
        on_toggle.setChecked(True)
        column.addLayout(row(c.Checkbox("Off"), on_box, some, c.Toggle("Off"), on_toggle, gap=14))
        radios = (c.Radio("Newest"), c.Radio("Cheapest"))
        group = QButtonGroup(self)
        for radio in radios:
            group.addButton(radio)
        radios[0].setChecked(True)
        column.addLayout(row(*radios, gap=14))
        self.segments = c.Segments(["Low", "Medium", "High"], name="Reasoning effort", value="Medium", stretch=False)
        self.slider = c.Slider(0, 2, 0.01, name="Temperature", value=0.8, default=1.0)
        column.addLayout(row(self.segments, self.slider, stretch=False))
        column.addWidget(c.Label("Status, never by colour alone", role="heading"))
        column.addLayout(
            row(
                c.Chip("Healthy", "ok", lamp="healthy"),
                c.Chip("Testing again", "warn", lamp="testing"),
                c.Chip("Not reachable", "bad", lamp="open"),
                c.Chip("No key yet", lamp="off"),
                gap=6,
            )
        )
        column.addLayout(
            row(c.Chip("Writing", "info", icon="running"), c.Chip("Leads", "accent"), c.Chip("Preview", "outline"))
        )
        column.addWidget(
            c.Banner("warning", "Groq has 3.9K tokens left this minute, this needs 5.1K.", action="Send in 9 s")
        )
        column.addWidget(c.Banner("danger", "The key for OpenAI was refused.", action="Replace key"))
        column.addWidget(
            c.Banner("success", "11 models, first reply in 188 ms, 1,000 requests a day.", strong="The key works.")
        )

    def _second(self, column: QVBoxLayout) -> None:
        column.addWidget(c.Label("Type", role="heading"))
        column.addWidget(c.Label("Display 28/36", role="display"))
        column.addLayout(
            row(c.Label("$13.35", role="kpi"), c.Label("KPI 22/28, tabular", role="small", tone="tertiary"))
        )
        column.addWidget(c.Label("Title 16/24", role="title"))
        column.addWidget(c.Label("Heading 13/20, 600", role="heading"))
        column.addWidget(c.Label("Body 13/20. The base of every form and list."))
        column.addWidget(c.Label("Chat 14/22, column of 720 at most.", role="chat"))
        column.addWidget(c.Label("Small 12/16 for help and metrics", role="small", tone="secondary"))
        column.addWidget(c.Label("Caption 11/16, 500, never smaller in text", role="caption", tone="tertiary"))
        column.addWidget(c.Label("JetBrains Mono := no -> ligatures", role="code"))
        column.addWidget(
            c.ElidedLabel("An elided label that is far too long for its column, so it ends early", role="body")
        )
        column.addWidget(c.Hairline())
        self.temperature = c.SpinField(0, 2, 0.01, name="Temperature value", value=0.6, decimals=2)
        self.tokens = c.SpinField(1, 65_536, 1, name="Max tokens", value=4096)
        self.tokens.set_value(131_072)
        self.seed = c.SpinField(0, 2**31 - 1, name="Seed", empty="Random")
        label = c.FieldLabel("Temperature", self.temperature)
        label.set_changed("1.00")
        fields = QGridLayout()
        fields.setSpacing(10)
        fields.addLayout(stacked(label, self.temperature), 0, 0)
        fields.addLayout(stacked(c.FieldLabel("Seed", self.seed), self.seed), 0, 1)
        fields.addLayout(stacked(c.FieldLabel("Max tokens", self.tokens), self.tokens), 1, 0, 1, 2)
        column.addLayout(fields)
        self.stops = c.ChipInput(["</answer>", "\n\n"], name="Stop sequences")
        stop_label = c.FieldLabel("Stop sequences", self.stops)
        stop_label.note.setText("2 of 4")
        column.addLayout(stacked(stop_label, self.stops))
        composer = c.Card("input")
        inner = QVBoxLayout(composer)
        inner.setContentsMargins(14, 12, 6, 6)
        self.text_area = c.TextArea(name="Message", placeholder="Ask anything")
        self.text_area.setPlainText("Now open a circuit breaker\nafter five failures in a row")
        inner.addWidget(self.text_area)
        tools = row(c.IconButton("attach", "Attach"), c.Button("Ops analyst", "ghost", size="small", icon="nav.agents"))
        tools.addWidget(c.IconButton("send", "Send", kind="primary", side=32))
        inner.addLayout(tools)
        column.addWidget(composer)

    def _third(self, column: QVBoxLayout) -> None:
        self.tabs = c.Tabs(["Model", "Tools", "Request"], name="Inspector")
        self.tabs.set_count(1, 4)
        self.tabs.set_error(2, True)
        column.addWidget(self.tabs)
        card = c.Card()
        inner = QVBoxLayout(card)
        inner.setContentsMargins(12, 10, 12, 10)
        inner.setSpacing(6)
        inner.addLayout(
            row(
                c.Label("1,017 ms", role="small", strong=True),
                c.Label("from send to last token", role="small", tone="tertiary"),
            )
        )
        inner.addWidget(c.WaterfallBar(PARTS))
        inner.addWidget(c.Legend(PARTS))
        column.addWidget(card)
        bar = c.Bar(name="Context in use")
        bar.set_share(0.4)
        column.addWidget(bar)
        ring = c.CountdownRing(name="Next try")
        ring.set_remaining(20, 30)
        lamps = [c.Lamp(state, name=state) for state in ("healthy", "testing", "open", "off")]  # type: ignore[arg-type]
        column.addLayout(row(*lamps, ring))
        rail = QWidget()
        rail.setProperty("surface", "window")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        items = QVBoxLayout(rail)
        items.setContentsMargins(0, 8, 0, 8)
        items.setSpacing(4)
        self.nav = [
            c.NavItem("nav.chat", "Chat", shortcut_text="Ctrl+1"),
            c.NavItem("nav.agents", "Agents"),
            c.NavItem("nav.providers", "Providers"),
        ]
        self.nav[0].setChecked(True)
        self.nav[2].set_pip("OpenAI is tested again")
        for item in self.nav:
            items.addWidget(item)
        column.addLayout(row(rail))
        loading = c.Card("plain")
        blocks = QVBoxLayout(loading)
        blocks.setContentsMargins(14, 14, 14, 14)
        for width in (120, 290, 245):
            blocks.addWidget(c.Skeleton(width, 10))
        column.addWidget(loading)
        self.menu = c.PopoverMenu(name="Models", parent=self)
        self.menu.set_items(
            (
                c.PopoverItem("a", "gpt-oss-120b", "131K context · 500 tok/s", "$0.15 / $0.60", section="Groq"),
                c.PopoverItem("b", "gpt-oss-20b", "131K context · 1,000 tok/s", "$0.075 / $0.30", section="Groq"),
                c.PopoverItem("c", "old-model", "Retired on 16 Aug 2026", section="Groq", enabled=False),
                c.PopoverItem("d", "smollm2-135m", "On this computer", "free", section="Offline"),
            ),
            "a",
        )
        # In the picture the popover stands in the column; it floats in the app.
        self.menu.setWindowFlags(Qt.WindowType.Widget)
        column.addWidget(self.menu)


def main() -> None:
    app = QApplication([])
    ThemeController(app, mode="light" if sys.argv[1] == "light" else "dark", reduced_motion=True)
    gallery = Gallery()
    gallery.resize(1280, 832)
    gallery.show()
    gallery.field.edit.setFocus()
    gallery.toast.show_message("Chat moved to trash", undo=lambda: None)
    for _ in range(5):
        app.processEvents()
    gallery.text_area.setFocus()
    target = gallery.segments.buttons()[1]
    if len(sys.argv) > 3:
        target.setFocus(Qt.FocusReason.ShortcutFocusReason)
    app.processEvents()
    gallery.grab().save(sys.argv[2])


if __name__ == "__main__":
    main()
