"""Runs every benchmark, one after the other, each in a process of its own.

    python -m benchmarks.all [--check] [--quick]

`--check` compares with the targets and ends with 1 if any is missed by more than a quarter; every benchmark still runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

NAMES = ("providers", "streaming", "bridge", "start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parsed = parser.parse_args()
    flags = [flag for flag in ("check", "quick") if getattr(parsed, flag)]
    missed = []
    for name in NAMES:
        print(f"\n== {name} ==", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *(f"--{flag}" for flag in flags)]
        if subprocess.run(command).returncode != 0:
            missed.append(name)
    print(f"\nbeyond target: {', '.join(missed)}" if missed else "\nall within their targets", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
