"""Colours of code: line by line while it arrives, exactly as Pygments does at the end."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest
from pygments.lexers import get_lexer_by_name

from groqdesk.ui.thread import relex
from groqdesk.ui.thread.blocks import CodeText
from groqdesk.ui.thread.code import LineLexer, Run, can_lex, exact_runs, lexer_for, style_of
from groqdesk.ui.thread.relex import RelexQueue

PYTHON = '''import os

class Thing(Base):
    """Doc
    string over lines."""

    @property
    def size(self) -> int:
        return len(f"{self.x!r:>{10}} \\n") + 0x1F  # note

async def f(a: str = 'é𝄞') -> None:
    await g(a)
'''
SAMPLES = {
    "python": PYTHON,
    "json": '{"a": [1, 2.5, true, null], "b": {"c": "d"}}\n',
    "javascript": "const a = `x ${b + 1} y`;\nfunction f() { return /re/g.test(a) } // c\n",
    "bash": 'for i in $(ls); do\n  echo "$i: ${x:-y}" # c\ndone\n',
    "sql": "SELECT a, COUNT(*) FROM t WHERE b = 'x' -- c\nGROUP BY a;\n",
    "rust": 'fn main() { let x: u32 = 1; println!("{}", x); }\n',
    "go": 'package main\nfunc f(a int) string { return "x" }\n',
    "html": "<p class='x'>text <b>bold</b></p>\n",
    "yaml": "a: 1\nb:\n  - c: 'd'\n",
    "css": "a:hover { color: #fff; }\n",
    "toml": '[a]\nb = "c"\n',
    "java": "class A { int f(String s) { return 1; } }\n",
}


def whole(language: str, text: str) -> list[list[Run]]:
    """Runs from Pygments' own entry point."""
    rows: list[list[Run]] = [[]]
    column = 0
    for _, kind, part in get_lexer_by_name(language, stripnl=False).get_tokens_unprocessed(text):
        for i, piece in enumerate(part.split("\n")):
            if i:
                rows.append([])
                column = 0
            length = len(piece.encode("utf-16-le")) // 2
            if length and style_of(kind):
                rows[-1].append((column, length, style_of(kind)))
            column += length
    return rows[:-1]


def merged(rows: list[list[Run]]) -> list[list[int]]:
    """The style of each column: how a line looks, however its tokens are cut."""
    looks: list[list[int]] = []
    for row in rows:
        look: list[int] = []
        for start, length, style in row:
            look += [0] * (start - len(look)) + [style] * length
        looks.append(look)
    return looks


@pytest.mark.parametrize("language", SAMPLES)
def test_the_exact_pass_equals_a_full_lex(language: str) -> None:
    text = SAMPLES[language]
    *pauses, runs = list(exact_runs(language, text.removesuffix("\n").split("\n")))
    assert pauses
    assert set(pauses) == {None}
    assert runs == whole(language, text)


@pytest.mark.parametrize("language", ["python", "bash", "sql", "go", "java", "toml", "css"])
def test_line_by_line_equals_a_full_lex_where_no_rule_crosses_lines(language: str) -> None:
    lexer = LineLexer(language)
    text = SAMPLES[language]
    rows = [lexer.line(line) for line in text.removesuffix("\n").split("\n")]
    assert merged(rows) == merged(whole(language, text))


def test_a_rule_across_lines_is_set_right_by_the_exact_pass() -> None:
    lines = ["int a; /* one", "two */ int b;"]
    lexer = LineLexer("c")
    early = [lexer.line(line) for line in lines]
    exact = list(exact_runs("c", lines))[-1]
    assert exact is not None
    assert merged(exact) == merged(whole("c", "\n".join(lines) + "\n"))
    assert merged(early) != merged(exact)


def test_each_line_is_lexed_once() -> None:
    lexer = LineLexer("python")
    for _ in range(500):
        lexer.line("x = 1")
    assert lexer.lines_lexed == 500


def test_unknown_and_own_driver_languages_stay_plain_while_streaming() -> None:
    assert LineLexer("nosuchlanguage").line("x = 1") == []
    assert lexer_for("nosuchlanguage") is None
    assert list(exact_runs("nosuchlanguage", ["x"])) == [[[]]]
    for language, line in (("yaml", "a: 1"), ("json", '{"a": 1}')):
        assert LineLexer(language).line(line) == []


def test_overlong_lines_are_not_lexed() -> None:
    assert LineLexer("python").line("x" * 3_000) == []
    assert not can_lex("python", ["x" * 3_000])
    assert not can_lex("python", ["x" * 1_000] * 300)


def test_a_giant_line_does_not_cost_the_others_their_colours() -> None:
    lines = ["x = 1", "y" * 3_000, "z = 2"]
    lexer = LineLexer("python")
    assert list(exact_runs("python", lines))[-1] == [lexer.line(line) for line in lines]
    assert lexer.line("x = 1")
    assert list(exact_runs("python", ["x = 1"] * 50_000))[-1] == [[]] * 50_000


def test_a_language_name_never_loads_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("entry points were read")

    monkeypatch.setattr(metadata, "entry_points", refuse)
    lexer_for.cache_clear()
    assert lexer_for("python") is not None
    assert lexer_for("os; import evil") is None
    assert "evil" not in sys.modules


def test_the_queue_lexes_in_slices_and_only_once(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relex, "SLICE_MS", 0.0)
    queue = RelexQueue()
    done: list[CodeText] = []
    queue.lexed.connect(done.append)
    code = CodeText("python", closed=True)
    for line in (PYTHON * 100).split("\n"):
        code.append(line)
    queue.add(code)
    queue.add(code)
    assert len(queue) == 1
    slices = 0
    while len(queue):
        queue.work()
        slices += 1
    assert slices > 1
    assert done == [code]
    assert code.exact
    assert code.runs == whole("python", code.text + "\n")
