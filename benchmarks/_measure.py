"""Shared by the benchmarks: percentiles, medians of ratios, and targets that `--check` holds to 1.25 times their value."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

SLACK = 1.25


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * (len(ordered) - 1))))]


def median_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """The median of ours / baseline over rounds measured together."""
    return statistics.median(ours / baseline for ours, baseline in pairs)


def arguments(description: str) -> argparse.Namespace:
    """The options that every benchmark takes: --check and --quick."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="exit 1 if a figure is beyond 1.25 times its target")
    parser.add_argument("--quick", action="store_true", help="one short round instead of three")
    return parser.parse_args()


@dataclass
class Targets:
    """Collects figures with their upper limits and prints them."""

    failed: list[str] = field(default_factory=list)

    def at_most(self, name: str, value: float, target: float, unit: str = "", *, gate: bool = True) -> None:
        """Records one figure. Only gated figures (ratios, counters) can fail: milliseconds depend on the machine."""
        limit = target * SLACK
        word = "ok" if value <= target else "within slack" if value <= limit else "MISSED"
        if not gate and value > target:
            word = "above (not gated)"
        print(f"  {name:<58} {value:9.2f} {unit:<3} target <= {target:g}  {word}")
        if gate and value > limit:
            self.failed.append(name)

    def exit_code(self, *, check: bool) -> int:
        """1 if `check` is wanted and a gated figure missed its target by more than a quarter."""
        if self.failed:
            print("beyond 1.25 x target: " + "; ".join(self.failed))
        return 1 if check and self.failed else 0
