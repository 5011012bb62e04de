"""The real command in a process of its own, against a practice server that is one too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def text(self) -> str:
        return "".join(event["text"] for event in self.of("text"))


class Command:
    """Runs `groqdesk` with a data folder of its own."""

    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "GROQDESK_HOME": str(home), "GROQDESK_API_KEY": "local"}
        self.home = home

    def start(self, *arguments: str, **kwargs: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "groqdesk", *arguments],
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **kwargs,
        )

    def __call__(self, *arguments: str, stdin: str | None = None) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "groqdesk", *arguments],
            env=self.environment,
            text=True,
            input=stdin if stdin is not None else "",
            capture_output=True,
            timeout=100,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def groqdesk(own_home: Path) -> Command:
    return Command(own_home)


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Any]:
    """Starts `groqdesk simulator` with a script (or none) and gives its base URL."""
    running: list[subprocess.Popen[str]] = []

    def start(script: dict[str, Any] | None = None) -> str:
        arguments = [sys.executable, "-m", "groqdesk", "simulator", "--port", "0"]
        if script is not None:
            file = tmp_path / f"script-{len(running)}.json"
            file.write_text(json.dumps(script))
            arguments += ["--script", str(file)]
        process = subprocess.Popen(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=10)
