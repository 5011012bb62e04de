"""How much of the window's thread a streaming answer costs, and that the cost does not grow with the answer.

    python -m benchmarks.streaming [--check] [--quick]

4-character tokens at 1,000 tokens/s, shown every 33 ms, so 33 tokens a flush; 500 earlier messages; an 800x700 window.
Each flush is: feed, lay out, exactly one paint. CPU time of the GUI thread (time.thread_time), never wall time. The
baseline is QTextBrowser.setMarkdown of the whole answer at each flush, for this one message, in the same process.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import sys
import time
from dataclasses import dataclass

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication, QTextBrowser

from benchmarks._measure import Targets, arguments, median_ratio, percentile
from groqdesk.ui.theme import Theme, load_fonts
from groqdesk.ui.thread import ThreadView, Turn, warm_up

FLUSH_CHARS = 33 * 4
WORDS = [
    "limit",
    "budget",
    "queue",
    "token",
    "stream",
    "answer",
    "model",
    "request",
    "latency",
    "share",
    "endpoint",
    "burst",
    "retry",
    "window",
    "steady",
]


def words(rng: random.Random, count: int) -> str:
    """A sentence of so many words, some of them bold or code."""
    made = [rng.choice(WORDS) for _ in range(count)]
    made[count // 2] = f"**{made[count // 2]}**"
    made[count // 3] = f"`{made[count // 3]}`"
    return " ".join(made).capitalize() + "."


def mixed(chars: int) -> str:
    """Headings, paragraphs, nested lists, tables and Python.

    The last 15 flushes are the same text whatever the length, or their cost would tell what they hold, not what is above.
    """
    ending = "".join(f"## {words(random.Random(i), 4)}\n\n{words(random.Random(i), 60)}\n\n" for i in range(6))
    ending = ending[-15 * FLUSH_CHARS :]
    chars -= len(ending)
    rng = random.Random(7)
    parts: list[str] = []
    size = 0
    while size < chars:
        part = rng.choice(
            [
                f"## {words(rng, 4)}\n\n",
                words(rng, 60) + "\n\n",
                words(rng, 30) + "\n\n",
                "".join(f"- {words(rng, 9)}\n  - {words(rng, 6)}\n" for _ in range(4)) + "\n",
                "| Name | Value | Share |\n|---|--:|--:|\n"
                + "".join(f"| {rng.choice(WORDS)} | {rng.random():.3f} | {i} % |\n" for i in range(6))
                + "\n",
                "```python\n"
                + "".join(f"def take_{i}(n: int = {i}) -> str:  # steady\n    return f'{{n}}'\n" for i in range(8))
                + "```\n\n",
            ]
        )
        parts.append(part)
        size += len(part)
    body = "".join(parts)[:chars]
    return body[: body.rfind("\n\n") + 2] + ending


def one_fence(chars: int) -> str:
    """One block of code."""
    line = "    value = compute(alpha, 'beta', 42)  # note\n"
    return "```python\n" + (line * (chars // len(line) + 1))[: chars - 10]


def one_list(chars: int) -> str:
    """One list."""
    rng = random.Random(3)
    return "".join(f"- {words(rng, 9)}\n" for _ in range(chars // 50))[:chars]


def one_paragraph(chars: int) -> str:
    """One paragraph without a line end."""
    rng = random.Random(5)
    return " ".join(words(rng, 20) for _ in range(chars // 100))[:chars]


def one_table(chars: int) -> str:
    """One table."""
    rng = random.Random(9)
    rows = "".join(
        f"| {rng.choice(WORDS)} | {rng.random():.4f} | {rng.choice(WORDS)} {i} |\n" for i in range(chars // 25)
    )
    return ("| Name | Value | Note |\n|---|--:|---|\n" + rows)[:chars]


@dataclass
class Run:
    """Costs of one streamed answer: ms per flush, ms of the end, counters per character of the answer."""

    flushes: list[float]
    end_ms: float
    parsed: float
    inline: float
    paints: float

    @property
    def total_ms(self) -> float:
        return sum(self.flushes) + self.end_ms

    @property
    def tail_ms(self) -> float:
        return statistics.median(self.flushes[-15:])


def earlier() -> list[Turn]:
    """500 earlier messages."""
    rng = random.Random(1)
    turns: list[Turn] = []
    for i in range(250):
        turns.append(Turn(f"q{i}", "user", words(rng, 25)))
        turns.append(Turn(f"a{i}", "assistant", mixed(1000 + rng.randrange(400))))
    return turns


def stream(app: QApplication, view: ThreadView, text: str) -> Run:
    """Streams an answer into the view, one paint per flush."""
    counters = view.counters
    view.set_turns(earlier())
    view.begin_stream(Turn("live", "assistant", ""))
    app.processEvents()
    parsed, inline, paints = counters.chars_parsed, counters.chars_inline, counters.paints
    costs: list[float] = []
    for at in range(0, len(text), FLUSH_CHARS):
        started = time.thread_time()
        view.feed("live", text[at : at + FLUSH_CHARS])
        view.flush()
        app.processEvents()
        costs.append((time.thread_time() - started) * 1e3)
    painted = (counters.paints - paints) / len(costs)
    started = time.thread_time()
    view.end_stream("live")
    app.processEvents()
    end_ms = (time.thread_time() - started) * 1e3
    size = len(text)
    return Run(costs, end_ms, (counters.chars_parsed - parsed) / size, (counters.chars_inline - inline) / size, painted)


def baseline(app: QApplication, text: str) -> list[float]:
    """ms per flush of setMarkdown(whole answer so far), scrolled to its end."""
    browser = QTextBrowser()
    browser.resize(800, 700)
    browser.show()
    app.processEvents()
    costs: list[float] = []
    for at in range(FLUSH_CHARS, len(text) + FLUSH_CHARS, FLUSH_CHARS):
        started = time.thread_time()
        browser.setMarkdown(text[:at])
        browser.verticalScrollBar().setValue(browser.verticalScrollBar().maximum())
        app.processEvents()
        costs.append((time.thread_time() - started) * 1e3)
    browser.hide()
    browser.deleteLater()
    app.processEvents()
    return costs


def opening_ms(app: QApplication, view: ThreadView, count: int) -> float:
    """CPU ms to show a conversation of `count` messages, to the first paint."""
    pool = earlier()
    turns = [Turn(f"m{i}", pool[i % 500].role, pool[i % 500].text) for i in range(count)]
    view.set_turns([])
    app.processEvents()
    started = time.thread_time()
    view.set_turns(turns)
    app.processEvents()
    return (time.thread_time() - started) * 1e3


def scrolling_ms(app: QApplication, view: ThreadView) -> tuple[list[float], list[float], float]:
    """CPU ms per wheel step upwards, per jump, and of one resize, in the 500 messages."""
    view.set_turns(earlier())
    app.processEvents()
    bar = view.verticalScrollBar()
    rng = random.Random(2)
    steps: list[float] = []
    jumps: list[float] = []
    for _ in range(120):
        started = time.thread_time()
        bar.setValue(bar.value() - 90)
        app.processEvents()
        steps.append((time.thread_time() - started) * 1e3)
    for _ in range(30):
        started = time.thread_time()
        bar.setValue(rng.randrange(bar.maximum()))
        app.processEvents()
        jumps.append((time.thread_time() - started) * 1e3)
    started = time.thread_time()
    view.resize(700, 700)
    app.processEvents()
    resized = (time.thread_time() - started) * 1e3
    view.resize(800, 700)
    app.processEvents()
    return steps, jumps, resized


def main() -> int:
    """Measures, prints, and with --check exits 1 beyond 1.25 x a target."""
    options = arguments(__doc__.splitlines()[0])
    rounds = 1 if options.quick else 3
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setStyle("Fusion")
    load_fonts()
    warm_up()
    view = ThreadView(Theme("dark"))
    view.resize(800, 700)
    view.show()
    stream(app, view, mixed(4_000))  # warm-up: fonts, lexers
    targets = Targets()

    big = 8 if options.quick else 16
    sizes = sorted({1, 8, big})
    runs = {k: [stream(app, view, mixed(k * 4_000)) for _ in range(rounds)] for k in sizes}
    print("mixed answer, 500 earlier messages, ms of GUI-thread CPU per 33-token flush")
    for k, found in runs.items():
        best = min(found, key=lambda run: run.total_ms)
        print(
            f"  {k:>2}k tokens: p50 {percentile(best.flushes, 0.5):.2f}  p99 {percentile(best.flushes, 0.99):.2f}"
            f"  max {max(best.flushes):.2f}  last 15 {best.tail_ms:.2f}  end {best.end_ms:.2f}"
            f"  total {best.total_ms / 1e3:.2f} s  parsed/char {best.parsed:.2f} (+ inline {best.inline:.2f})"
            f"  paints/flush {best.paints:.2f}"
        )
    eight = runs[8]
    targets.at_most("mixed 8k: p50", min(percentile(r.flushes, 0.5) for r in eight), 3, "ms", gate=False)
    targets.at_most("mixed 8k: p99", min(percentile(r.flushes, 0.99) for r in eight), 8, "ms", gate=False)
    share = min(r.total_ms for r in eight) / 8_000 * 100
    targets.at_most("mixed 8k: share of one core", share, 10, "%", gate=False)
    growth = median_ratio((a.tail_ms, b.tail_ms) for a, b in zip(runs[big], runs[1], strict=True))
    targets.at_most(f"mixed: flush at {big}k / at 1k", growth, 1.5)
    targets.at_most("mixed 8k: characters parsed per character", eight[0].parsed, 4)
    against = median_ratio((r.total_ms, sum(baseline(app, mixed(32_000)))) for r in eight)
    targets.at_most("mixed 8k: total / setMarkdown per flush", against, 1 / 8)

    print("one block of 8k tokens")
    for name, make in (("fence", one_fence), ("list", one_list), ("paragraph", one_paragraph), ("table", one_table)):
        pairs = [(stream(app, view, make(32_000)), stream(app, view, make(4_000))) for _ in range(rounds)]
        best = min((large for large, _ in pairs), key=lambda run: run.total_ms)
        print(
            f"  {name}: p50 {percentile(best.flushes, 0.5):.2f}  p99 {percentile(best.flushes, 0.99):.2f}"
            f"  max {max(best.flushes):.2f}  end {best.end_ms:.2f}  total {best.total_ms / 1e3:.2f} s"
            f"  parsed/char {best.parsed:.2f} (+ inline {best.inline:.2f}), at 1k {pairs[0][1].parsed:.2f}"
        )
        p99 = min(percentile(large.flushes, 0.99) for large, _ in pairs)
        targets.at_most(f"{name} 8k: p99", p99, 10, "ms", gate=False)
        growth = median_ratio((large.tail_ms, small.tail_ms) for large, small in pairs)
        targets.at_most(f"{name}: flush at 8k / at 1k", growth, 2.0)
        targets.at_most(f"{name} 8k: characters parsed per character", best.parsed, 12)
        if name == "paragraph":
            targets.at_most("paragraph 8k: final pass", min(large.end_ms for large, _ in pairs), 25, "ms", gate=False)

    print("opening and scrolling")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Cheap and short, so repeated more often than the rest.
    opened = [(opening_ms(app, view, 5_000), opening_ms(app, view, 50), opening_ms(app, view, 500)) for _ in range(9)]
    targets.at_most("open 500 messages", min(row[2] for row in opened), 100, "ms", gate=False)
    targets.at_most("open 5,000 / open 50 messages", median_ratio((row[0], row[1]) for row in opened), 1.5)
    print(
        f"  peak memory grew by {(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.0f} MB while opening"
    )
    steps, jumps, resized = scrolling_ms(app, view)
    targets.at_most("scroll step p99", percentile(steps, 0.99), 8, "ms", gate=False)
    targets.at_most("jump p50", percentile(jumps, 0.5), 16, "ms", gate=False)
    targets.at_most("resize", resized, 30, "ms", gate=False)
    print(f"documents alive at most: {view.counters.documents_peak}")
    return targets.exit_code(check=options.check)


if __name__ == "__main__":
    sys.exit(main())
