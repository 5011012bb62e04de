"""Streamed text must end as the same blocks as the whole text, whatever the chunks, and cost a bounded amount of parsing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from groqdesk.ui.thread.blocks import Block, Counters, segments_of, slices_of
from groqdesk.ui.thread.stream import MarkdownStream, blocks_of

FRAGMENTS = [
    "Hello **world**\nsecond line\n",
    "\n",
    "\n\n",
    "# Head\n",
    "- a\n- b\n  - c\n",
    "1. one\n2. two\n\n   more\n",
    "9. nine\n\n10. ten\n",
    "0. zero\n",
    "1) paren\n",
    "| a | b |\n|---|--:|\n",
    "| 1 | 2 |\n" * 13,
    "a|b\n-|-\n1|2\n",
    "```py\nx = 1\n\n```\n",
    "~~~\nabc\n",
    "> quote\n> more\n",
    "---\n",
    "text\n---\n",
    "===\n",
    "    code\n",
    "[a]: http://x.y\n",
    "see [a] and [b][a]\n",
    "`",
    "``",
    "```",
    "#",
    "-",
    "* ",
    " ",
    "word ",
    "|",
    "- - -\n",
    "***\n",
    "line\r\nnext\r",
    "para " * 30,
]
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text("ab`*_#>|-~+1.) \n\t[]:", max_size=12), max_size=14).map("".join)
chunk_sizes = st.lists(st.integers(1, 200), min_size=1, max_size=30)

INDEPENDENT = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def streamed(text: str, sizes: list[int], counters: Counters | None = None) -> MarkdownStream:
    stream = MarkdownStream(counters or Counters())
    at = i = 0
    while at < len(text):
        size = sizes[i % len(sizes)]
        stream.feed(text[at : at + size])
        at += size
        i += 1
    stream.close()
    return stream


def description(blocks: list[Block]) -> list[tuple[object, ...]]:
    """What a block shows, without what belongs to the view."""
    skip = ("tbody_open", "tbody_close", "table_close")
    made: list[tuple[object, ...]] = []
    for block in blocks:
        tokens = [(token.type, token.content) for token in block.tokens if token.type not in skip]
        lines = block.code.lines[block.first_line : block.last_line] if block.code else []
        language = block.code.language if block.code else ""
        made.append(
            (block.kind, block.gap, block.number, block.with_header, block.text, language, tuple(lines), tuple(tokens))
        )
    return made


def inline_words(tokens: list[Token] | None) -> str:
    return "".join(
        " " if t.type in ("softbreak", "hardbreak") else t.content + inline_words(t.children)
        for t in tokens or []
        if t.type != "image"
    )


def words_of_whole(text: str) -> list[str]:
    """The words that a plain, whole parse shows."""
    words: list[str] = []
    for token in INDEPENDENT.parse(text):
        if token.type == "inline":
            words += inline_words(token.children).split()
        elif token.type in ("fence", "code_block"):
            words += token.content.split()
    return words


def words_of_blocks(blocks: list[Block]) -> list[str]:
    words: list[str] = []
    for block in blocks:
        if block.code is not None:
            words += " ".join(block.code.lines[block.first_line : block.last_line]).split()
        header = False
        for token in block.tokens:
            header = token.type == "th_open" or (header and token.type != "th_close")
            if token.type == "inline" and (block.with_header or not header):
                children: list[Token] = []
                INDEPENDENT.inline.parse(token.content, INDEPENDENT, {"references": block.references}, children)
                words += inline_words(children).split()
            elif token.type in ("fence", "code_block"):
                words += token.content.split()
        words += block.text.split()
    return words


@settings(max_examples=300, deadline=None)
@given(texts, chunk_sizes)
def test_streamed_blocks_equal_the_blocks_of_the_whole(text: str, sizes: list[int]) -> None:
    assert description(streamed(text, sizes).blocks) == description(blocks_of(text, Counters()))


@settings(max_examples=300, deadline=None)
@given(texts, chunk_sizes)
def test_streamed_words_equal_an_independent_whole_parse(text: str, sizes: list[int]) -> None:
    assert words_of_blocks(streamed(text, sizes).blocks) == words_of_whole(text)


@settings(max_examples=200, deadline=None)
@given(texts, chunk_sizes)
def test_frozen_blocks_never_change(text: str, sizes: list[int]) -> None:
    stream = MarkdownStream(Counters())
    frozen: list[Block] = []
    seen: list[tuple[object, ...]] = []
    at = i = 0
    while at < len(text):
        stream.feed(text[at : at + sizes[i % len(sizes)]])
        at += sizes[i % len(sizes)]
        i += 1
        assert stream.blocks[: len(frozen)] == frozen
        assert description(frozen) == seen
        frozen = stream.blocks[: stream.frozen]
        seen = description(frozen)


def test_a_fence_marker_split_between_chunks_leaves_no_stray_block() -> None:
    stream = MarkdownStream(Counters())
    for part in ("Look:\n\n", "``", "`py\nx = 1\n", "``", "`", "\nafter"):
        stream.feed(part)
        assert all("`" not in block.partial for block in stream.blocks)
    stream.close()
    assert [block.kind for block in stream.blocks] == ["flow", "code", "flow"]
    assert stream.blocks[1].code is not None
    assert stream.blocks[1].code.text == "x = 1"


def test_list_items_keep_their_numbers_when_typed_numbers_repeat() -> None:
    text = "7. a\n7. b\n7. c\n"
    assert [block.number for block in streamed(text, [3]).blocks] == [7, 8, 9]
    assert [block.number for block in streamed("0. a\n0. b\n", [2]).blocks] == [0, 1]


def test_a_table_freezes_by_ten_rows_with_one_shape() -> None:
    text = "| a | b |\n|---|--:|\n" + "".join(f"| {i} | {i} |\n" for i in range(25))
    blocks = streamed(text, [17]).blocks
    assert [block.with_header for block in blocks] == [True, False, False]
    assert len({id(block.table) for block in blocks}) == 1
    rows = [sum(token.type == "td_open" for token in block.tokens) // 2 for block in blocks]
    assert rows == [10, 10, 5]


def test_an_open_fence_is_never_parsed_and_starts_a_document_every_60_lines() -> None:
    counters = Counters()
    stream = MarkdownStream(counters)
    stream.feed("```python\n")
    before = counters.chars_parsed
    for _ in range(150):
        stream.feed("x = 1\n")
    assert counters.chars_parsed == before
    assert [block.last_line - block.first_line for block in stream.blocks] == [60, 60, 30]


def test_a_link_definition_that_comes_late_is_reported() -> None:
    stream = streamed("see [a]\n\nmore\n\n[a]: http://x.y\n", [5])
    assert stream.late_references
    assert stream.blocks[0].references["A"]["href"] == "http://x.y"


MIXED = (
    "## Title\n\nSome **bold** text with `code` and more words to fill the line up to the end of it.\n\n"
    "- one\n- two\n  - deep\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n```python\nx = 1\nprint(x)\n```\n\n"
)
ONE_BLOCK = {
    "fence": lambda n: "```python\n" + ("    value = compute(alpha)  # note\n" * n)[:n],
    "list": lambda n: ("- an item with several words in it and some **bold**\n" * n)[:n],
    "paragraph": lambda n: ("a sentence of a long paragraph that never ends, " * n)[:n],
    "table": lambda n: ("| name | value |\n|---|--:|\n" + "| some name | 12.5 |\n" * n)[:n],
}


def parsed_per_char(text: str) -> float:
    counters = Counters()
    streamed(text, [33 * 4], counters)
    return counters.chars_parsed / len(text)


def test_mixed_text_is_parsed_at_most_four_times_over() -> None:
    small, large = (parsed_per_char((MIXED * 200)[: k * 4_000]) for k in (1, 8))
    assert small <= 4
    assert large <= 4
    assert large <= small * 1.05


@pytest.mark.parametrize("kind", ONE_BLOCK)
def test_a_single_giant_block_is_parsed_at_most_twelve_times_over(kind: str) -> None:
    small, large = (parsed_per_char(ONE_BLOCK[kind](k * 4_000)) for k in (1, 8))
    assert small <= 12
    assert large <= 12
    assert large <= small * 1.05 + 0.05


@pytest.mark.parametrize(
    "text",
    [
        "> " + "quoted words go on and on " * 1_300,
        "- " + "one item that never ends " * 1_300,
        "# " + "a heading that never ends " * 1_300,
        "    " + "indented code\n    " * 2_000,
        "- item\n\n" + "  paragraph in the item\n\n" * 1_300,
    ],
    ids=["quote", "item", "heading", "indented", "item paragraphs"],
)
def test_blocks_that_cannot_be_cut_are_parsed_again_only_when_they_have_grown_by_a_quarter(text: str) -> None:
    assert parsed_per_char(text) <= 12


def test_a_paragraph_beyond_40000_characters_stays_as_typed_in_slices() -> None:
    text = "word " * 20_000
    for blocks in (blocks_of(text, Counters()), streamed(text, [5_000]).blocks):
        assert {block.kind for block in blocks} == {"plain"}
        assert max(len(block.text) for block in blocks) <= 16_000
        assert "".join(block.text for block in blocks).split() == text.split()


def test_a_long_paragraph_ends_where_markdown_ends_it() -> None:
    long = "a sentence of a long paragraph, " * 120
    for follower in (
        "\n\nnext",
        "\n# head",
        "\n- item",
        "\n> quote",
        "\n```\ncode",
        "\n***\n",
        "\na | b\n--|--\n1 | 2\n",
        "\n===\nx",
    ):
        text = long + follower
        assert description(streamed(text, [50]).blocks) == description(blocks_of(text, Counters()))


def test_slices_and_segments_lose_nothing() -> None:
    rng = random.Random(4)
    text = "".join(rng.choice(["word ", "\n", "\n\n", "x" * 300]) for _ in range(20_000))
    assert "".join(slices_of(text)) == text
    assert max(map(len, slices_of(text))) <= 16_000
    parts = segments_of(text)
    assert "".join(parts) == text
    assert len(parts) > 5
    assert max(map(len, parts)) <= 32_000


def test_a_segment_cut_inside_code_opens_the_fence_again() -> None:
    text = "```python\n" + "x = 1\n" * 20_000 + "```\nafter\n"
    parts = segments_of(text)
    assert len(parts) > 1
    assert all(part.startswith("```python\n") for part in parts)
    blocks = [block for part in parts for block in blocks_of(part, Counters())]
    assert sum(len(block.code.lines[block.first_line : block.last_line]) for block in blocks if block.code) == 20_000
    assert blocks[-1].kind == "flow"


@pytest.mark.parametrize("size", [1, 7, 4_000])
def test_one_giant_line_of_code_is_shown_in_parts_and_copied_whole(size: int) -> None:
    line = "x" * 20_000
    stream = streamed("```\nfirst\n" + line + "\nlast\n```\n", [size])
    code = stream.blocks[0].code
    assert code is not None
    assert max(map(len, code.lines)) <= 4_000
    assert code.text == f"first\n{line}\nlast"


@pytest.mark.parametrize(
    "text", ["[" * 50_000, ">" * 5_000, "- " * 1_000 + "x", "*" * 50_000, "`" * 50_000, "|" * 50_000, "\0\0a"]
)
def test_hostile_text_gives_bounded_blocks(text: str) -> None:
    counters = Counters()
    blocks = streamed(text, [4_000], counters).blocks
    assert counters.chars_parsed <= 14 * len(text) + 4_000
    for block in blocks:
        assert len(block.text) + sum(len(token.content) for token in block.tokens) <= 50_001
