"""Cuts Markdown into blocks, all at once or while it arrives, so that only a short tail is ever parsed again.

Blocks that no further text can change are frozen; finished items of a list, rows of a table and lines of code freeze
before the list, table or fence ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from markdown_it.token import Token

from groqdesk.ui.thread.blocks import (
    BLOCK_GAP,
    CODE_LINE_CHARS,
    ITEM_GAP,
    LONG_PARAGRAPH_CHARS,
    MARKDOWN,
    PLAIN_PARAGRAPH_CHARS,
    SEGMENT_CHARS,
    TABLE_CELLS_PER_BLOCK,
    TABLE_ROWS_PER_BLOCK,
    Block,
    CodeText,
    Counters,
    TableShape,
    clean,
    code_blocks,
    extend_code_blocks,
    language_of,
    slices_of,
)
from groqdesk.ui.thread.code import LineLexer

_FENCE_OPEN = re.compile(r"( {0,3})(`{3,}|~{3,})(.*)")
# A line that may end a paragraph or turn it into something else; a real parse of a few lines decides.
_MAY_END_PARAGRAPH = re.compile(
    r"[ \t]*$| {0,3}(?:#{1,6}(?:[ \t]|$)|>|[-*_=+](?:[-*_=\s]|$)|1[.)][ \t]|`{3}|~{3}|[|:-][ \t|:-]*$)"
)
_NEW_TOP_BLOCK = re.compile(r"\n[ \t]*\n(?=[^\s>])|\n(?=(?:[-*+]|\d{1,9}[.)])[ \t]|#{1,6} |```|~~~)")


@dataclass(slots=True)
class _Group:
    kind: str
    start: int
    end: int
    tokens: list[Token]


def blocks_of(text: str, counters: Counters) -> list[Block]:
    """All blocks of a finished message part."""
    stream = MarkdownStream(counters)
    stream.feed(text, show=False)
    stream.close()
    return stream.blocks


class MarkdownStream:
    """Blocks of a Markdown text that grows at its end.

    `blocks[:frozen]` never change again; those behind are replaced or extended by the next `feed`. `changed_from` is the
    index of the first block that differs since the last `take_changed()`.
    """

    def __init__(self, counters: Counters) -> None:
        self.blocks: list[Block] = []
        self.frozen = 0
        self.late_references = False
        self._counters = counters
        self._changed_from = 0
        self._tail = ""
        self._held = ""
        self._references: dict[str, Any] = {}
        self._number: int | None = None
        self._shape: TableShape | None = None
        self._fence: _OpenFence | None = None
        self._long: _LongParagraph | None = None
        self._parsed_chars = 0

    def take_changed(self) -> int:
        """Index of the first block that is new or different since the last call; len(blocks) if none."""
        first, self._changed_from = self._changed_from, len(self.blocks)
        return first

    def feed(self, text: str, *, show: bool = True) -> None:
        """Adds text. With `show=False` the text is only kept for `close()`."""
        text = self._held + text
        self._held = ""
        if text.endswith("\r"):
            text, self._held = text[:-1], "\r"
        text = clean(text)
        if not show:
            self._tail += text
        elif text:
            self._add(text)

    def close(self) -> None:
        """The text is complete: everything freezes."""
        if self._held:
            self._add("\n")
            self._held = ""
        if self._fence is not None:
            rest = self._fence.feed("", final=True)
            self._touch(self._fence.block_index)
            self._fence = None
            self.frozen = len(self.blocks)
            self._tail = rest or ""
        self._long = None
        if self._tail:
            self._advance(final=True)

    def plain_cut(self, index: int, chars: int) -> None:
        """Ends the growing slice of a long paragraph after `chars` characters; the rest starts the next block."""
        if self._long is None or index != len(self.blocks) - 1:
            return
        block = self.blocks[index]
        self.blocks.append(Block("plain", gap=0, text=block.text[chars:]))
        block.text = block.text[:chars]
        self._touch(index)

    # -- growing ----------------------------------------------------------------------------------------------------

    def _touch(self, index: int) -> None:
        self._changed_from = min(self._changed_from, index)

    def _add(self, text: str) -> None:
        if self._fence is not None:
            self._touch(self._fence.block_index)
            rest = self._fence.feed(text)
            if rest is None:
                return
            self._fence = None
            self.frozen = len(self.blocks)
            self._tail = rest
        elif self._long is not None:
            self._tail += text
            if not self._long.ended_by(self._tail):
                self._touch(len(self.blocks) - 1)
                first, *others = slices_of(self.blocks[-1].text + text)
                self.blocks[-1].text = first
                self.blocks.extend(Block("plain", gap=0, text=part) for part in others)
                return
            self._long = None
        else:
            self._tail += text
            if self._waits(text):
                return
        self._advance(final=False)

    def _waits(self, text: str) -> bool:
        # One long quote or one long list item cannot be cut: it is parsed again when it has grown by a quarter, and
        # what arrives meanwhile stands below it as typed.
        if self._parsed_chars < LONG_PARAGRAPH_CHARS or len(self.blocks) <= self.frozen:
            return False
        new = self._tail[max(0, self._parsed_chars - 2) :]
        if len(self._tail) > 1.25 * self._parsed_chars or _NEW_TOP_BLOCK.search(new):
            return False
        if self.blocks[-1].kind == "plain" and self.blocks[-1].gap == ITEM_GAP:
            self.blocks[-1].text += text
        else:
            self.blocks.append(Block("plain", gap=ITEM_GAP, text=text))
        self._touch(len(self.blocks) - 1)
        return True

    def _parse(self, text: str) -> tuple[list[_Group], dict[str, Any]]:
        tokens: list[Token] = []
        references = dict(self._references)
        env: dict[str, Any] = {"references": references}
        self._counters.chars_parsed += len(text)
        MARKDOWN.block.parse(text, MARKDOWN, env, tokens)
        groups: list[_Group] = []
        first = 0
        for i, token in enumerate(tokens):
            if token.level == 0 and token.nesting <= 0:
                start, end = tokens[first].map or (0, 0)
                kind = tokens[first].type.removesuffix("_open").removeprefix("bullet_").removeprefix("ordered_")
                groups.append(_Group(kind, start, end, tokens[first : i + 1]))
                first = i + 1
        return groups, references

    def _cut(self, offset: int) -> None:
        """Freezes the tail up to a character offset."""
        frozen, self._tail = self._tail[:offset], self._tail[offset:]
        if "]:" in frozen:
            found = self._parse(frozen)[1]
            self.late_references |= len(found) > len(self._references)
            self._references.update(found)

    def _advance(self, *, final: bool) -> None:
        self._parsed_chars = 0
        while True:
            groups, references = self._parse(self._tail)
            del self.blocks[self.frozen :]
            self._touch(self.frozen)
            if final:
                self._emit_all(groups)
                self._cut(len(self._tail))
                self._number = self._shape = None
                self.frozen = len(self.blocks)
                return
            complete = self._tail.count("\n")
            keep = next(
                (i for i in range(len(groups) - 1, 0, -1) if self._settled(groups[i - 1], groups[i], complete)), 0
            )
            if keep:
                self._emit_all(groups[:keep])
                self._number = self._shape = None
                groups = groups[keep:]
                first_line = groups[0].start
                self._cut(self._offset(first_line))
                self.frozen = len(self.blocks)
                self._rebase(groups, first_line)
                complete -= first_line
            if groups and groups[0].kind == "list":
                self._freeze_items(groups[0], complete)
            elif groups and groups[0].kind == "table":
                self._freeze_rows(groups[0], complete)
            elif len(groups) == 1 and groups[0].kind == "fence" and complete > groups[0].start:
                if self._open_fence(groups[0]):
                    continue
                return
            elif len(groups) == 1 and groups[0].kind == "paragraph" and len(self._tail) > LONG_PARAGRAPH_CHARS:
                self._long = _LongParagraph(self._tail)
                gap = BLOCK_GAP
                for part in slices_of(self._tail):
                    self.blocks.append(Block("plain", gap=gap, text=part))
                    gap = 0
                return
            shown = references if len(references) > len(self._references) else self._references
            self._emit_all(groups, references=shown)
            self._parsed_chars = len(self._tail) if len(groups) == 1 else 0
            return

    def _settled(self, before: _Group, group: _Group, complete: int) -> bool:
        """Whether no further text can move the border between two neighbouring blocks."""
        if group.start + (2 if group.kind == "table" else 1) <= complete or before.kind in ("heading", "hr", "fence"):
            return True
        at = self._offset(group.start)
        if self._tail[self._tail.rfind("\n", 0, max(0, at - 1)) + 1 : at].strip():
            return False
        # After a blank line only a list can take up what follows, and only by another marker.
        return before.kind != "list" or self._tail[at:].lstrip()[:1] not in "-*+0123456789"

    def _offset(self, line: int) -> int:
        at = 0
        for _ in range(line):
            at = self._tail.index("\n", at) + 1
        return at

    @staticmethod
    def _rebase(groups: list[_Group], lines: int) -> None:
        for group in groups:
            group.start -= lines
            group.end -= lines
            for token in group.tokens:
                if token.map is not None:
                    token.map = [token.map[0] - lines, token.map[1] - lines]

    def _freeze_items(self, group: _Group, complete: int) -> None:
        items = _items(group)
        done = next((i for i in range(len(items) - 1, 0, -1) if (items[i][0].map or [0])[0] + 1 <= complete), 0)
        if not done:
            return
        start = (items[done][0].map or [0])[0]
        head, end = group.tokens[0], group.tokens[-1]
        finished = _Group("list", group.start, start, [head, *(t for item in items[:done] for t in item), end])
        self._emit(finished, self._references)
        self._number = self._list_number(head) + done
        self._cut(self._offset(start))
        self.frozen = len(self.blocks)
        group.tokens = [head, *(t for item in items[done:] for t in item), end]

    def _list_number(self, head: Token) -> int:
        start = head.attrGet("start")
        return self._number if self._number is not None else 1 if start is None else int(start)

    def _freeze_rows(self, group: _Group, complete: int) -> None:
        head, rows = _rows(group)
        whole = [row for row in rows if (row[0].map or [0, 0])[1] <= complete]
        step = _rows_per_block(head)
        done = (len(whole) - 1) // step * step
        if done <= 0:
            return
        finished = _Group("table", group.start, group.end, [*head, *(t for row in rows[:done] for t in row)])
        shape = self._emit_table(finished, self._references)
        lines = self._tail.split("\n", group.start + 2)
        header = "\n".join(lines[group.start : group.start + 2]) + "\n"
        self._cut(self._offset((rows[done][0].map or [0])[0]))
        self._tail = header + self._tail
        self._shape = shape
        self.frozen = len(self.blocks)
        group.tokens = [*head, *(t for row in rows[done:] for t in row)]

    def _open_fence(self, group: _Group) -> bool:
        """Goes over to fence mode. True if the fence closed again inside the tail and the rest has to be parsed."""
        line_end = self._tail.index("\n", self._offset(group.start))
        opening = _FENCE_OPEN.match(self._tail[self._offset(group.start) : line_end])
        if opening is None:
            self._emit_all([group])
            return False
        body = self._tail[line_end + 1 :]
        self._tail = ""
        code = CodeText(language_of(group.tokens[0].info), runs=[])
        self._fence = _OpenFence(self.blocks, code, opening[2], len(opening[1]))
        rest = self._fence.feed(body)
        if rest is None:
            return False
        self._fence = None
        self.frozen = len(self.blocks)
        self._tail = rest
        return bool(rest)

    # -- tokens to blocks -------------------------------------------------------------------------------------------

    def _emit_all(self, groups: list[_Group], references: dict[str, Any] | None = None) -> None:
        for i, group in enumerate(groups):
            number, shape = self._number, self._shape
            if i:
                self._number = self._shape = None
            self._emit(group, self._references if references is None else references)
            self._number, self._shape = number, shape

    def _emit(self, group: _Group, references: dict[str, Any]) -> None:
        first = group.tokens[0]
        if group.kind == "list":
            number = self._list_number(first)
            for i, item in enumerate(_items(group)):
                gap = BLOCK_GAP if i == 0 and self._number is None else ITEM_GAP
                tokens = [first, *item, group.tokens[-1]]
                self._append(Block("flow", gap, tokens, references=references, number=number + i))
        elif group.kind == "table":
            self._emit_table(group, references)
        elif group.kind in ("fence", "code_block"):
            code = CodeText(language_of(first.info), closed=True)
            lines = first.content.split("\n")
            if lines[-1] == "":
                lines.pop()
            for line in lines:
                code.append(line)
            self.blocks.extend(code_blocks(code))
        elif group.kind == "paragraph" and len(group.tokens[1].content) > PLAIN_PARAGRAPH_CHARS:
            self._append_plain(group.tokens[1].content, BLOCK_GAP)
        else:
            self._append(Block("flow", tokens=group.tokens, references=references))

    def _append(self, block: Block) -> None:
        # One enormous block would be laid out in one go: it is shown as typed, in slices.
        if sum(len(token.content) for token in block.tokens) > PLAIN_PARAGRAPH_CHARS:
            self._append_plain("\n".join(token.content for token in block.tokens if token.content), block.gap)
        else:
            self.blocks.append(block)

    def _append_plain(self, text: str, gap: int) -> None:
        for part in slices_of(text):
            self.blocks.append(Block("plain", gap, text=part))
            gap = 0

    def _emit_table(self, group: _Group, references: dict[str, Any]) -> TableShape:
        head, rows = _rows(group)
        shape = self._shape or TableShape()
        with_header = self._shape is None
        step = _rows_per_block(head)
        for at in range(0, max(1, len(rows)), step):
            part = [t for row in rows[at : at + step] for t in row]
            if with_header:
                shape.first, shape.natural = [*head, *part], None
            if part or with_header:
                gap = BLOCK_GAP if with_header else 0
                block = Block("table", gap, [*head, *part], references=references, table=shape)
                block.with_header = with_header
                self._append(block)
            with_header = False
        return shape


def _items(group: _Group) -> list[list[Token]]:
    items: list[list[Token]] = []
    for token in group.tokens[1:-1]:
        if token.type == "list_item_open" and token.level == 1:
            items.append([])
        items[-1].append(token)
    return items


def _rows_per_block(head: list[Token]) -> int:
    columns = sum(token.type == "th_open" for token in head)
    return max(TABLE_ROWS_PER_BLOCK // 2, min(TABLE_ROWS_PER_BLOCK, TABLE_CELLS_PER_BLOCK // max(1, columns)))


def _rows(group: _Group) -> tuple[list[Token], list[list[Token]]]:
    """The head tokens of a table and the tokens of each body row."""
    head: list[Token] = []
    rows: list[list[Token]] = []
    in_body = False
    for token in group.tokens:
        if token.type in ("tbody_open", "tbody_close", "table_close"):
            in_body = True
        elif token.type == "tr_open" and (in_body or (token.level == 2 and head and head[-1].type == "thead_close")):
            in_body = True
            rows.append([token])
        elif in_body and rows:
            rows[-1].append(token)
        else:
            head.append(token)
    return head, rows


class _OpenFence:
    """A fence whose end has not arrived: complete lines are appended, nothing is parsed again."""

    def __init__(self, blocks: list[Block], code: CodeText, marker: str, indent: int) -> None:
        self._blocks = blocks
        self._code = code
        self._indent = indent
        self._close = re.compile(rf" {{0,3}}{re.escape(marker[0])}{{{len(marker)},}}[ \t]*$")
        self._maybe_close = re.compile(rf" {{0,3}}{re.escape(marker[0])}*[ \t]*$")
        self._lexer = LineLexer(code.language)
        self._rest = ""
        self._inside_line = False
        self._blocks.append(Block("code", code=code))

    @property
    def block_index(self) -> int:
        """The first block that the next line can change."""
        return len(self._blocks) - 1

    def feed(self, text: str, *, final: bool = False) -> str | None:
        """Takes text; returns what follows the closing line, or None while the fence is open."""
        lines = (self._rest + text).split("\n")
        self._rest = lines.pop()
        if final:
            # An unfinished line of spaces is no line of the code.
            lines.extend([self._rest] if self._rest.strip() else [])
            self._rest = ""
        for i, line in enumerate(lines):
            if not self._inside_line and self._close.match(line):
                rest = "\n".join([*lines[i + 1 :], self._rest])
                self._finish()
                return rest
            self._append(line)
            self._inside_line = False
        if final:
            self._finish()
            return ""
        # The beginning of a closing fence must not flash up as code.
        if not self._inside_line and self._maybe_close.match(self._rest):
            self._blocks[-1].partial = ""
            return None
        while len(self._rest) > CODE_LINE_CHARS + self._indent:
            head, self._rest = self._rest[:CODE_LINE_CHARS], self._rest[CODE_LINE_CHARS:]
            self._append(head)
            self._inside_line = True
        self._blocks[-1].partial = self._strip(self._rest)
        return None

    def _strip(self, line: str) -> str:
        if self._inside_line:
            return line
        spaces = len(line) - len(line.lstrip(" "))
        return line[min(spaces, self._indent) :]

    def _append(self, line: str) -> None:
        self._blocks[-1].partial = ""
        known = len(self._code.lines)
        self._code.append(self._strip(line), glued=self._inside_line)
        for part in self._code.lines[known:]:
            extend_code_blocks(self._blocks, part)
            if self._code.runs is not None:
                self._code.runs.append(self._lexer.line(part))

    def _finish(self) -> None:
        self._blocks[-1].partial = ""
        self._code.closed = True


class _LongParagraph:
    """Watches a paragraph that is shown as typed for the line that ends it, looking at each line once."""

    def __init__(self, text: str) -> None:
        self._checked = text.rfind("\n") + 1

    def ended_by(self, tail: str) -> bool:
        while True:
            end = tail.find("\n", self._checked)
            if end < 0:
                return False
            line = tail[self._checked : end]
            if _MAY_END_PARAGRAPH.match(line) and self._ends(tail, self._checked, line):
                return True
            self._checked = end + 1

    @staticmethod
    def _ends(tail: str, at: int, line: str) -> bool:
        before = tail[tail.rfind("\n", 0, max(0, at - 1)) + 1 : max(0, at - 1)][-SEGMENT_CHARS:] or "x"
        tokens: list[Token] = []
        MARKDOWN.block.parse(f"x\n{before}\n{line}\nx", MARKDOWN, {}, tokens)
        return (
            sum(token.level == 0 and token.nesting >= 0 for token in tokens) != 1 or tokens[0].type != "paragraph_open"
        )
