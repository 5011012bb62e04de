"""Long pastes into the composer: kept whole beside the field, sent in order, still there after a restart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtWidgets import QApplication

from groqdesk.ui.controls import Popover, TextArea
from groqdesk.ui.pasted_texts import MOST, PastedTexts, size_text, too_long
from tests.ui.fakes_ui import NOW, Desk, click, press, until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
MakeDesk = Callable[..., Desk]
HUGE = {
    "lines": "lorem ipsum dolor sit amet\n" * 74_000,
    "paragraph": "lorem ipsum " * 167_000,
    "word": "x" * 1_000_000,
    "short lines": "é\n" * 1_000_000,
}


def paste(d: Desk, text: str) -> None:
    data = QMimeData()
    data.setText(text)
    d.page.composer.text_area.insertFromMimeData(data)


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
def test_huge_pastes_stay_out_of_the_editor_and_are_sent_whole(desk: MakeDesk, text: str) -> None:
    d = desk()

    async def story() -> None:
        composer = d.page.composer
        composer.set_text("")
        paste(d, text)
        assert composer.text_area.text() == ""
        assert composer.send_button.isEnabled()
        press(composer.text_area, Qt.Key.Key_H)
        press(composer.text_area, Qt.Key.Key_I)
        assert composer.text_area.document().characterCount() == 3
        assert composer.text() == f"{text}\n\nhi"
        await d.settled()
        assert d.store.rows["a"].draft == f"{text}\n\nhi"
        press(composer.text_area, Qt.Key.Key_Return)
        await until(lambda: d.fake.requests and not d.chat.state.busy)
        assert d.fake.requests[0].messages[-1].content == f"{text}\n\nhi"
        assert composer.text() == ""
        assert not composer.pasted.isVisible()

    d.run(story)


def test_a_long_draft_comes_back_as_a_chip(desk: MakeDesk) -> None:
    d = desk()
    text = "one two\n" * 20_000
    d.add("b", "Long", NOW, draft=text + "\nquestion")

    async def story() -> None:
        composer = d.page.composer
        d.chat.open("b")
        await d.settled()
        assert composer.pasted.texts() == (text + "\nquestion",)
        assert composer.text_area.text() == ""
        assert composer.text() == text + "\nquestion"
        d.chat.open("a")
        await d.settled()
        assert composer.pasted.texts() == ()
        assert composer.text_area.text() == "Now open a circuit breaker"
        assert d.store.rows["b"].draft == text + "\nquestion"

    d.run(story)


def test_chip_says_what_it_is_shows_its_beginning_and_goes(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        composer = d.page.composer
        composer.set_text("Sum this up")
        paste(d, "first words\r\nof " + "many lines\n" * 200_000)
        (chip,) = composer.pasted.chips
        assert chip.head.text() == "Pasted text, 2.2 MB"
        assert chip.words.text().startswith("first words of many lines")
        assert composer.text().endswith("\n\nSum this up")
        assert "\r" not in composer.text()
        click(chip.head)
        (card,) = [p for p in chip.findChildren(Popover) if p.isVisible()]
        (beginning,) = card.findChildren(TextArea)
        assert beginning.text().startswith("first words\nof many lines\n")
        press(card, Qt.Key.Key_Escape)
        assert not card.isVisible()
        click(chip.remove_button)
        assert composer.text() == d.chat.state.draft == "Sum this up"
        assert not composer.pasted.isVisible()
        assert QApplication.focusWidget() is composer.text_area

    d.run(story)


def test_shorter_texts_are_typed_text_until_the_field_is_full(desk: MakeDesk) -> None:
    d = desk()

    async def story() -> None:
        composer = d.page.composer
        composer.set_text("")
        paste(d, "word " * 12_000)
        assert not composer.pasted.chips
        paste(d, "more " * 12_000)
        assert composer.pasted.texts() == ("more " * 12_000,)
        paste(d, "tail")
        assert composer.text() == "more " * 12_000 + "\n\n" + "word " * 12_000 + "tail"

    d.run(story)


def test_what_is_pasted_after_the_fourth_joins_it(qapp: QApplication) -> None:
    pasted = PastedTexts()
    for number in range(MOST + 2):
        pasted.add(f"text {number}")
    assert pasted.texts() == ("text 0", "text 1", "text 2", "text 3\n\ntext 4\n\ntext 5")
    pasted.deleteLater()


@pytest.mark.parametrize(
    ("text", "long"),
    [("", False), ("x" * 10_000, False), ("x" * 10_001, True), ("a " * 50_000, False), ("a " * 50_001, True)],
)
def test_too_long_is_said_of_length_and_of_words(text: str, long: bool) -> None:
    assert too_long(text) is long


@pytest.mark.parametrize(
    ("text", "size"), [("x", "1 KB"), ("é" * 75_000, "150 KB"), ("x" * 999_499, "999 KB"), ("x" * 999_500, "1.0 MB")]
)
def test_sizes_are_those_of_utf_8(text: str, size: str) -> None:
    assert size_text(text) == size
