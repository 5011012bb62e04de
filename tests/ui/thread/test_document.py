"""What each block looks like as a document: numbers, formats, links, images as words, nothing loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QTextCharFormat, QTextCursor

from groqdesk.ui.thread.blocks import Block, Counters
from groqdesk.ui.thread.document import extend_code, plain_text, render_code, render_flow, render_plain
from groqdesk.ui.thread.inline import Rendered
from groqdesk.ui.thread.stream import MarkdownStream, blocks_of
from groqdesk.ui.thread.styles import Styles
from groqdesk.ui.thread.tables import column_widths, render_table, table_rows


def render(block: Block, styles: Styles) -> Rendered:
    if block.kind == "table":
        return render_table(block, styles, 624, Counters())
    if block.kind == "code":
        return render_code(block, styles)
    if block.kind == "plain":
        return render_plain(block.text, styles, 624)
    return render_flow(block, styles, 624, Counters())


def shown(text: str, styles: Styles) -> list[Rendered]:
    return [render(block, styles) for block in blocks_of(text, Counters())]


def text_of(rendered: Rendered) -> str:
    return plain_text(rendered, 0, rendered.document.characterCount() - 1)


def format_of(rendered: Rendered, word: str) -> QTextCharFormat:
    found = rendered.document.find(word)
    assert not found.isNull()
    return found.charFormat()


def test_lists_start_at_their_number_and_nest(styles: Styles) -> None:
    first, second = shown("5. five\n6. six\n   - in\n     - deeper\n   1. one\n", styles)
    assert text_of(first) == "5. five"
    assert text_of(second) == "6. six\n  ◦ in\n    ▪ deeper\n  1. one"
    indents = [second.document.findBlockByNumber(i).blockFormat().indent() for i in range(4)]
    assert indents == [1, 2, 3, 2]


def test_task_list_text_stays_as_typed(styles: Styles) -> None:
    assert text_of(shown("- [x] done\n", styles)[0]) == "• [x] done"


def test_inline_formats(styles: Styles) -> None:
    (made,) = shown("a **bold** *slant* ~~gone~~ `code` [link](https://e.com/x)", styles)
    assert format_of(made, "bold").fontWeight() == 600
    assert format_of(made, "slant").fontItalic()
    assert format_of(made, "gone").fontStrikeOut()
    assert format_of(made, "code").background().color() == styles.color("bg.active")
    assert format_of(made, "link").anchorHref() == "https://e.com/x"
    assert format_of(made, "link").foreground().color() == styles.color("info.text")
    assert not format_of(made, "link").fontUnderline()


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "groqdesk:x",
        "https://a@b.c/",
        "https://e.com/%E2%80%AE",
        "/etc/x",
    ],
)
def test_other_links_are_inert_text(styles: Styles, address: str) -> None:
    (made,) = shown(f"[word]({address})", styles)
    assert not format_of(made, "word").isAnchor()


def test_html_is_shown_as_typed_and_nothing_is_loaded(styles: Styles, resources_asked: Callable[[], int]) -> None:
    text = (
        "<img src='file:///etc/passwd'> <script>x</script>\n\n<div style='background:url(http://e.com)'>\n\n"
        "![](file:///etc/hostname) ![a](//host/share/x.png) ![b](http://e.com/x.png)"
    )
    made = shown(text, styles)
    assert text_of(made[0]) == "<img src='file:///etc/passwd'> <script>x</script>"
    assert text_of(made[2]) == "![](file:///etc/hostname) Image: a Image: b (e.com)"
    assert all("\ufffc" not in rendered.document.toRawText() for rendered in made)
    assert resources_asked() == 0


def test_headings_are_16_semi_bold_and_smaller(styles: Styles) -> None:
    one, three = shown("# One\n\n### Three\n", styles)
    assert (format_of(one, "One").font().pixelSize(), format_of(one, "One").fontWeight()) == (16, 600)
    assert format_of(three, "Three").font().pixelSize() == 14
    assert (one.height, three.height) == (24, 22)


def test_quotes_have_a_bar_and_rules_a_hairline(styles: Styles) -> None:
    quote, rule = shown("> one\n>\n> > two\n\n---\n", styles)
    assert [bar[0] for bar in quote.bars] == [15, 0]
    assert quote.bars[1][1:] == (0, quote.height)
    assert len(rule.rules) == 1


def test_code_inside_a_list_item_is_boxed_and_coloured(styles: Styles) -> None:
    (made,) = shown("1. run\n   ```python\n   def f(): pass\n   ```\n", styles)
    assert len(made.shades) == 1
    line = made.document.findBlockByNumber(1)
    assert line.text() == "def f(): pass"
    assert any(found.format.foreground().color() == styles.color("syntax.keyword") for found in line.layout().formats())


def test_table_cells_align_and_parts_share_columns(styles: Styles) -> None:
    text = "| name | value |\n|---|--:|\n" + "".join(f"| row | {i}.5 |\n" for i in range(14))
    blocks = blocks_of(text, Counters())
    first, second = (render(block, styles) for block in blocks)
    edges = []
    for rendered in (first, second):
        layout = rendered.document.documentLayout()
        block = rendered.document.find("row").block().next()
        edges.append(layout.blockBoundingRect(block).right())
        assert rendered.rules[-1][0] + 1 == rendered.height
    assert edges[0] == edges[1]
    assert first.height == 22 + 10 * 28
    assert second.height == 4 * 28
    assert text_of(second).split("\n")[0] == "row\t10.5"
    assert [cell[1] for cell in table_rows(blocks[0])[0]] == ["", "right"]


def test_columns_fill_the_width_and_share_it_when_too_wide() -> None:
    assert column_widths([100, 50], 600, 24) == pytest.approx([600 * 124 / 198, 600 * 74 / 198])
    tight = column_widths([40, 900, 700], 600, 24)
    assert sum(tight) == pytest.approx(600)
    assert tight[0] == 64
    assert tight[1] > tight[2] > 100


@pytest.mark.parametrize("kind", ["plain", "paragraph", "cell"])
def test_a_long_word_gets_breaks_on_screen_only(styles: Styles, kind: str) -> None:
    word = "é𝄞x" * 1_500
    if kind == "plain":
        made = render_plain(word, styles, 624)
    elif kind == "paragraph":
        made = shown(word, styles)[0]
    else:
        made = shown(f"| a |\n|---|\n| {word} |\n", styles)[0]
    raw = made.document.toRawText()
    assert "\u200b" in raw
    assert max(len(part) for part in raw.replace("\u2029", "\u200b").split("\u200b")) <= 400
    assert word in text_of(made)


def test_a_zero_width_space_that_was_typed_is_copied(styles: Styles) -> None:
    assert text_of(render_plain("a\u200bb", styles, 624)) == "a\u200bb"


def test_a_selection_starts_inside_a_word_pair(styles: Styles) -> None:
    made = render_plain("one 𝄞 two", styles, 624)
    assert plain_text(made, 4, 6) == "𝄞"
    assert plain_text(made, 7, 10) == "two"


def test_growing_code_shows_exactly_its_lines(styles: Styles) -> None:
    stream = MarkdownStream(Counters())
    stream.feed("```python\n")
    block = stream.blocks[0]
    made = render_code(block, styles)
    text = "def f():\n    return 1\n\n\nx = f()\n"
    for i, char in enumerate(text):
        stream.feed(char)
        extend_code(made, block, styles)
        # Spaces at the end may still be the indent of a closing fence, so they wait.
        assert made.document.toPlainText().rstrip() == text[: i + 1].rstrip()
    stream.feed("```\n")
    extend_code(made, block, styles)
    extend_code(made, block, styles)
    whole = render_code(block, styles)
    assert made.document.toPlainText() == whole.document.toPlainText() == text.removesuffix("\n")
    assert made.height == whole.height == 5 * styles.code_line
    for i in range(5):
        grown, fresh = (
            [(f.start, f.length) for f in rendered.document.findBlockByNumber(i).layout().formats()]
            for rendered in (made, whole)
        )
        assert grown == fresh


def test_code_does_not_wrap(styles: Styles) -> None:
    made = shown("```\n" + "x " * 500 + "\n```\n", styles)[0]
    assert made.document.size().width() > 5_000
    assert made.document.findBlockByNumber(0).layout().lineCount() == 1


def test_hit_testing_finds_the_link(styles: Styles) -> None:
    (made,) = shown("[link](https://e.com/x) rest", styles)
    cursor = QTextCursor(made.document)
    cursor.setPosition(2)
    assert made.document.documentLayout().anchorAt(QPointF(10, 11)) == "https://e.com/x"
    assert made.document.documentLayout().anchorAt(QPointF(60, 11)) == ""
