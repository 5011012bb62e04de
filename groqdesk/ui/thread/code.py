"""Colours code while it arrives: lexes line by line with the lexer's own state, and once exactly at the end."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from pygments.lexer import Lexer, RegexLexer
from pygments.lexers import find_lexer_class
from pygments.lexers._mapping import LEXERS
from pygments.token import Comment, Error, Keyword, Literal, Name, Number, Operator, Punctuation, String, _TokenType

Run = tuple[int, int, int]
"""start, length (UTF-16 units, as Qt counts) and style number of one coloured run of a line."""

MAX_LINE_CHARS = 2_000
MAX_CODE_CHARS = 200_000

_STYLE_OF: tuple[tuple[_TokenType, int], ...] = (
    (Comment.Preproc, 1),
    (Comment, 6),
    (Keyword.Type, 5),
    (Keyword, 1),
    (String, 2),
    (Number, 3),
    (Literal, 3),
    (Name.Function, 4),
    (Name.Attribute, 4),
    (Name.Class, 5),
    (Name.Builtin.Pseudo, 0),
    (Name.Builtin, 5),
    (Name.Exception, 5),
    (Name.Decorator, 4),
    (Name.Tag, 1),
    (Operator.Word, 1),
    (Punctuation, 7),
)
# Inherited by every RegexLexer; a class that brings its own cannot be resumed in the middle.
_STOCK_DRIVER = RegexLexer.get_tokens_unprocessed


@functools.cache
def style_of(kind: _TokenType) -> int:
    """The style number (see styles.SYNTAX) of a Pygments token type; 0 where the plain colour is right."""
    return next((style for parent, style in _STYLE_OF if kind[: len(parent)] == parent), 0)


@functools.cache
def _aliases() -> dict[str, str]:
    return {alias.lower(): entry[1] for entry in LEXERS.values() for alias in entry[2]}


@functools.lru_cache(maxsize=64)
def lexer_for(language: str) -> Lexer | None:
    """The bundled Pygments lexer of a fence's language word, or None. Never looks for plugins."""
    name = _aliases().get(language.strip().lower())
    # Through the table of built-in lexers only: a name chosen by a model must not load code of other packages.
    found = find_lexer_class(name) if name is not None else None
    return found(stripnl=False, ensurenl=False) if found is not None else None


def warm_up() -> None:
    """Loads the commonest lexers. Call it when the window is idle: the first use of each costs 10 to 40 ms."""
    for language in ("python", "bash", "json", "javascript"):
        LineLexer(language).line("x = 1")


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class RunBuilder:
    """Cuts (token type, text) pairs into lines of runs."""

    def __init__(self) -> None:
        self.lines: list[list[Run]] = []
        self._current: list[Run] = []
        self._column = 0

    def add(self, kind: _TokenType, text: str) -> None:
        style = style_of(kind)
        first, *others = text.split("\n")
        self._put(first, style)
        for part in others:
            self.end_line()
            self._put(part, style)

    def _put(self, text: str, style: int) -> None:
        length = _units(text)
        if length and style:
            self._current.append((self._column, length, style))
        self._column += length

    def end_line(self) -> None:
        self.lines.append(self._current)
        self._current = []
        self._column = 0


class LineLexer:
    """Lexes complete lines one after the other, resuming the state stack of a RegexLexer.

    `lines_lexed` counts lines for tests. Lexers with a driver of their own, unknown languages and overlong lines give
    plain lines. Rules that look across line ends (C comments in one regex) may be coloured wrongly until `exact_runs`.
    """

    def __init__(self, language: str) -> None:
        lexer = lexer_for(language)
        resumable = isinstance(lexer, RegexLexer) and type(lexer).get_tokens_unprocessed is _STOCK_DRIVER
        self._lexer: Any = lexer if resumable else None
        self._stack = ["root"]
        self.lines_lexed = 0

    def line(self, text: str) -> list[Run]:
        """The runs of one line, given without its line end."""
        self.lines_lexed += 1
        if self._lexer is None or len(text) > MAX_LINE_CHARS:
            return []
        builder = RunBuilder()
        for kind, part in self._tokens(text + "\n"):
            builder.add(kind, part)
        return builder.lines[0] if builder.lines else []

    def _tokens(self, text: str) -> Iterator[tuple[_TokenType, str]]:
        # Pygments offers no way to stop at a line end and go on later, so its compiled rules are run here.
        rules: dict[str, list[tuple[Callable[..., re.Match[str] | None], Any, Any]]] = self._lexer._tokens
        stack = self._stack
        at, end = 0, len(text)
        while at < end:
            for match_at, action, move in rules[stack[-1]]:
                found = match_at(text, at)
                if found is None:
                    continue
                if isinstance(action, _TokenType):
                    yield action, found.group()
                elif action is not None:
                    for _, kind, part in action(self._lexer, found):
                        if part:
                            yield kind, part
                at = found.end()
                if move is not None:
                    self._move(stack, move)
                break
            else:
                if text[at] == "\n":
                    del stack[1:]
                    stack[0] = "root"
                yield Error, text[at]
                at += 1

    @staticmethod
    def _move(stack: list[str], move: Any) -> None:
        if isinstance(move, int):
            del stack[max(1, len(stack) + move) if abs(move) < len(stack) else 1 :]
        elif move == "#push":
            stack.append(stack[-1])
        elif isinstance(move, tuple):
            for state in move:
                if state == "#pop":
                    del stack[max(1, len(stack) - 1) :]
                else:
                    stack.append(stack[-1] if state == "#push" else state)
        elif move == "#pop":
            del stack[max(1, len(stack) - 1) :]
        else:
            stack.append(move)


def can_lex(language: str, lines: list[str]) -> bool:
    """Whether these lines are coloured at all: a known language, no giant line, at most MAX_CODE_CHARS characters."""
    if lexer_for(language) is None:
        return False
    return sum(map(len, lines)) <= MAX_CODE_CHARS and all(len(line) <= MAX_LINE_CHARS for line in lines)


def exact_runs(language: str, lines: list[str]) -> Iterator[list[list[Run]] | None]:
    """Lexes the whole code as Pygments does. Yields None after each token so that the caller can pause; last the runs.

    Unknown languages and more than MAX_CODE_CHARS characters give plain lines.
    """
    lexer = lexer_for(language)
    if lexer is None or sum(map(len, lines)) > MAX_CODE_CHARS:
        yield [[] for _ in lines]
        return
    if not can_lex(language, lines):
        # With a giant line among them the others are coloured one by one, as they were while they arrived.
        by_line = LineLexer(language)
        rows: list[list[Run]] = []
        for line in lines:
            rows.append(by_line.line(line))
            yield None
        yield rows
        return
    builder = RunBuilder()
    source: Any = lexer
    for _, kind, part in source.get_tokens_unprocessed("\n".join(lines) + "\n"):
        builder.add(kind, part)
        yield None
    found = builder.lines[: len(lines)]
    yield found + [[] for _ in range(len(lines) - len(found))]
