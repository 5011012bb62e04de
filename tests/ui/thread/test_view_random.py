"""Whatever the order of events, the view keeps its text, its geometry and its bounds."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from groqdesk.ui.theme import Theme
from groqdesk.ui.thread import ThreadView, Turn
from groqdesk.ui.thread.layout import MAX_DOCUMENTS

PIECES = [
    "word ",
    "**bold** ",
    "\n\n",
    "# head\n",
    "- item\n",
    "1. item\n",
    "| a | b |\n|---|--:|\n",
    "| 1 | 2 |\n" * 7,
    "```python\nx = 1\n",
    "x = 'é𝄞'\n" * 40,
    "```\n",
    "> quote\n",
    "[l](https://e.com/) ",
    "w" * 900,
    "sentence of some words. " * 200,
]


def settle(view: ThreadView) -> None:
    """All queued work is done and painted."""
    QApplication.processEvents()
    while view.pending_lexes:
        QApplication.processEvents()
    QApplication.processEvents()


def on_screen(view: ThreadView) -> QImage:
    """The pixels that moved and partly repainted to where they are."""
    return view.screen().grabWindow(view.winId()).toImage().convertToFormat(QImage.Format.Format_RGB32)


def painted_afresh(view: ThreadView) -> QImage:
    return view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def differing_rows(view: ThreadView) -> int:
    """How many pixel rows a partial repaint left wrong.

    An antialiased border that a clip edge cut in two may differ by a shade in one row; lost text or a caret left behind
    takes ten rows and more.
    """
    seen, real = on_screen(view), painted_afresh(view)
    if seen == real:
        return 0
    width = real.width()
    return sum(seen.copy(0, y, width, 1) != real.copy(0, y, width, 1) for y in range(real.height()))


def check(view: ThreadView, texts: dict[str, str]) -> None:
    """The invariants."""
    for _ in range(20):  # a paint may correct heights and ask for another one; what stays on the screen counts
        if differing_rows(view) <= 2:
            break
        QTest.qWait(20)
        settle(view)
    assert differing_rows(view) <= 2
    assert {turn.id: turn.text for turn in view.turns()} == texts
    layout = view._layout
    y = 0.0
    for index, item in enumerate(layout.items):
        y += layout.gap_before(index)
        assert layout.tops[index] == pytest.approx(y)
        if item.blocks is not None and item.tops:
            assert len(item.tops) == len(item.blocks)
            assert item.tops == sorted(item.tops)
            assert item.text_bottom <= item.height + 0.01
        y += item.height
    bar = view.verticalScrollBar()
    assert bar.maximum() == max(0, round(layout.height) - view.viewport().height())
    alive = sum(block.document is not None for item in layout.items for block in item.blocks or ())
    assert alive == view.counters.documents_alive <= MAX_DOCUMENTS
    for index in layout.visible(bar.value(), bar.value() + view.viewport().height()):
        item = layout.items[index]
        for top, block in zip(item.tops, item.blocks, strict=True) if item.blocks else ():
            at = layout.tops[index] + top - bar.value()
            if at >= 0 and at + block.height <= view.viewport().height():
                assert layout.is_exact(block)


@pytest.mark.parametrize("seed", range(30))
def test_any_order_of_events(view: ThreadView, seed: int) -> None:
    rng = random.Random(seed)
    if seed % 3 == 0:

        def make(turn_id: str) -> QWidget | None:
            made = QLabel(turn_id)
            made.setFixedHeight(28 + len(turn_id))
            return made if turn_id[0] != "q" else None

        view.set_footer_factory(make, lambda turn_id: 28)
    texts = {f"m{i}": "".join(rng.choices(PIECES, k=8)) for i in range(12)}
    view.set_turns([Turn(key, "assistant" if i % 2 else "user", text) for i, (key, text) in enumerate(texts.items())])
    live = ""
    for step in range(90):
        match rng.randrange(13):
            case 0 | 1 | 2 | 3 if live:
                part = "".join(rng.choices(PIECES, k=rng.randint(1, 3)))
                view.feed(live, part)
                texts[live] += part
                view.flush()
            case 4 if not live:
                live = f"s{step}"
                texts[live] = rng.choice(["", "start "])
                view.begin_stream(Turn(live, "assistant", texts[live]))
            case 5 if live:
                view.end_stream(live, rng.choice(["done", "interrupted", "failed"]))
                live = ""
            case 6:
                view.verticalScrollBar().setValue(rng.randint(0, view.verticalScrollBar().maximum()))
            case 7:
                view.resize(rng.randint(300, 900), rng.randint(200, 700))
            case 8:
                view.append_turn(Turn(f"q{step}", "user", "Question?\nAgain"))
                texts[f"q{step}"] = "Question?\nAgain"
            case 9:
                key = rng.choice(list(texts))
                if key != live:
                    texts[key] = "".join(rng.choices(PIECES, k=4))
                    view.replace_turn(Turn(key, "assistant", texts[key]))
            case 10:
                keys = list(texts)
                keep = rng.randrange(max(1, len(keys) - 3), len(keys) + 1)
                view.remove_turns_after(keys[keep - 1])
                for key in keys[keep:]:
                    del texts[key]
                    live = "" if key == live else live
            case 11:
                assert isinstance(view.accessible_text(), str)
                spot = QPoint(rng.randint(0, view.viewport().width()), rng.randint(0, view.viewport().height()))
                QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
                QTest.mouseMove(view.viewport(), spot + QPoint(rng.randint(-90, 90), rng.randint(-90, 90)))
                QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
                assert isinstance(view.selected_text(), str)
            case _:
                theme = Theme(rng.choice(["dark", "light"]), scale=rng.choice([0.9, 1.0, 1.5]), reduced_motion=True)
                view.set_palette(theme)
        settle(view)
        check(view, texts)


def test_partial_repaints_leave_what_a_full_one_would(view: ThreadView) -> None:
    rng = random.Random(5)
    view.begin_stream(Turn("live", "assistant", ""))
    for _ in range(150):
        view.feed("live", rng.choice(PIECES))
        view.flush()
        if rng.random() < 0.2:
            view.verticalScrollBar().setValue(view.verticalScrollBar().value() + rng.randint(-300, 200))
        if rng.random() < 0.2:
            view.scroll_to_end()
        settle(view)
        assert differing_rows(view) <= 2


def test_text_that_arrives_before_the_window_is_shown(theme: Theme, qtbot: object) -> None:
    view = ThreadView(theme)
    view.append_turn(Turn("q", "user", "Hi"))
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "Hello **there**")
    view.flush()
    view.resize(600, 400)
    view.show()
    QApplication.processEvents()
    view.feed("live", ", you")
    view.flush()
    assert view.accessible_text() == "You: Hi\n\nAnswer: Hello there, you"
    view.close()
    view.deleteLater()
