"""Opening and scrolling the thread: what it parses, what it keeps, where it stands."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from groqdesk.ui.thread import ThreadView, Turn
from groqdesk.ui.thread.inline import InertDocument
from groqdesk.ui.thread.layout import MAX_DOCUMENTS
from tests.ui.thread.steps import ANSWER, conversation, settle, whole_text

# -- opening and memory -------------------------------------------------------------------------------------------------


def test_opening_500_messages_parses_only_those_in_view(view: ThreadView) -> None:
    view.set_turns(conversation(500))
    settle(view)
    assert view.counters.turns_parsed <= 6
    assert view.counters.chars_parsed <= 6 * len(ANSWER)
    assert view.at_end


def test_documents_are_bounded_while_all_is_read(view: ThreadView) -> None:
    view.set_turns(conversation(300))
    view.verticalScrollBar().setValue(0)
    while view.verticalScrollBar().value() < view.verticalScrollBar().maximum():
        view.verticalScrollBar().setValue(view.verticalScrollBar().value() + 500)
    alive = [b for item in view._layout.items for b in item.blocks or [] if b.document is not None]
    assert view.counters.documents_peak <= MAX_DOCUMENTS + 1
    assert len(alive) <= MAX_DOCUMENTS
    assert view.counters.blocks_rebuilt > MAX_DOCUMENTS


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "several words " * 150_000,
        "# " + "x" * 1_000_000,
        "```\n" + "x" * 1_000_000 + "\n```",
        "- " + "word " * 200_000,
        "| a |\n|---|\n| " + "x" * 1_000_000 + " |",
        "[" * 50_000,
        ">" * 5_000,
        "".join("  " * i + "- x\n" for i in range(1_000)),
        "![a](file:///etc/passwd)\n\n" * 2_000,
        "<img src=file:///etc/passwd>\n\n" * 2_000,
    ],
    ids=[
        "word",
        "2 MB paragraph",
        "heading",
        "code line",
        "item",
        "cell",
        "brackets",
        "quotes",
        "nested",
        "images",
        "html",
    ],
)
def test_hostile_text_costs_what_is_visible(view: ThreadView, text: str) -> None:
    InertDocument.requests = 0
    view.set_turns([Turn("q", "user", "Hi"), Turn("a", "assistant", text)])
    settle(view)
    assert view.counters.blocks_rebuilt <= 60
    assert view.counters.chars_inline <= 70_000
    assert view.counters.chars_parsed <= 130_000 or len(text) == view.counters.chars_parsed
    sizes = [b.document.document.characterCount() for i in view._layout.items for b in i.blocks or [] if b.document]
    assert max(sizes) <= 64_000
    assert InertDocument.requests == 0


def test_hostile_user_text_is_bounded_too(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "x" * 1_000_000)])
    settle(view)
    assert view.counters.blocks_rebuilt <= 4
    assert whole_text(view, "q") == "x" * 1_000_000


def test_user_text_is_shown_as_typed(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "# not a head\n**not bold** [x](https://e.com)\n  kept")])
    assert whole_text(view, "q") == "# not a head\n**not bold** [x](https://e.com)\n  kept"
    block = (view._layout.items[0].blocks or [])[0]
    assert block.kind == "plain"


# -- scrolling ----------------------------------------------------------------------------------------------------------


def test_the_view_follows_the_end_only_from_near_it(view: ThreadView) -> None:
    view.set_turns(conversation(20))
    bar = view.verticalScrollBar()
    heard: list[bool] = []
    view.at_end_changed.connect(heard.append)
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "line\n\n" * 30)
    view.flush()
    assert bar.value() == bar.maximum()
    assert heard == []
    bar.setValue(bar.value() - 400)
    assert heard == [False]
    stay = bar.value()
    view.feed("live", "line\n\n" * 30)
    view.flush()
    assert bar.value() == stay
    view.scroll_to_end()
    assert bar.value() == bar.maximum()
    assert heard == [False, True]


def test_a_small_step_up_is_not_pulled_back(view: ThreadView) -> None:
    view.set_turns(conversation(20))
    bar = view.verticalScrollBar()
    view.begin_stream(Turn("live", "assistant", ""))
    bar.setValue(bar.value() - 10)
    stay = bar.value()
    view.feed("live", "line\n\n" * 5)
    view.flush()
    assert bar.value() == stay


def test_scrolling_up_into_unknown_turns_moves_what_was_read_by_exactly_one_step(view: ThreadView) -> None:
    view.set_turns(conversation(100, ANSWER * 3))
    bar = view.verticalScrollBar()
    for _ in range(60):
        anchor = view._anchor()
        assert anchor is not None
        assert anchor.block is not None
        view.verticalScrollBar().setValue(bar.value() - 150)
        index = view._ids[anchor.item.id]
        blocks = anchor.item.blocks or []
        y = view._layout.tops[index] + anchor.item.tops[blocks.index(anchor.block)] - bar.value()
        assert y == pytest.approx(anchor.offset + 150, abs=1.5)


def test_a_resize_keeps_the_reading_position(view: ThreadView) -> None:
    view.set_turns(conversation(60))
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    anchor = view._anchor()
    assert anchor is not None
    assert anchor.block is not None
    view.resize(500, 600)
    settle(view)
    after = view._anchor()
    assert after is not None
    assert (after.item, after.block) == (anchor.item, anchor.block)
    assert after.offset == pytest.approx(anchor.offset, abs=25)


def test_a_resize_at_the_end_stays_at_the_end(view: ThreadView) -> None:
    view.set_turns(conversation(60))
    view.resize(500, 400)
    settle(view)
    assert view.at_end
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_the_column_is_720_wide_at_most_and_centred(view: ThreadView) -> None:
    view.set_turns(conversation(2))
    view.resize(1_200, 600)
    settle(view)
    assert (view._layout.column_width, view._layout.column_left) == (720, 240)
    view.resize(672, 600)
    settle(view)
    assert (view._layout.column_width, view._layout.column_left) == (624, 24)


def test_a_users_card_is_88_percent_wide_at_most_and_right_aligned(view: ThreadView) -> None:
    view.set_turns([Turn("a", "user", "short"), Turn("b", "user", "many words " * 40)])
    short, wide = view._layout.items
    assert short.card_width < 100
    assert wide.card_width <= view._layout.column_width * 0.88 + 1
    right = view._layout.column_left + view._layout.column_width
    assert view._layout.text_left(short) + short.card_width - 15 == right


def test_keys_scroll(view: ThreadView) -> None:
    view.set_turns(conversation(40))
    bar = view.verticalScrollBar()
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert bar.value() == 0
    QTest.keyClick(view, Qt.Key.Key_PageDown)
    page = bar.value()
    assert page == view.viewport().height() - 44
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert bar.value() == page - bar.singleStep()
    QTest.keyClick(view, Qt.Key.Key_End)
    assert bar.value() == bar.maximum()


def test_scrolling_to_a_turn_brings_its_top_into_view(view: ThreadView) -> None:
    view.set_turns(conversation(100))
    view.scroll_to_turn("m40")
    top = view._layout.tops[40] - view.verticalScrollBar().value()
    assert top == pytest.approx(12, abs=1)
