"""From a pasted key to an answer and back after a restart, as a person does it: real window, keyring, TLS, server process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from groqdesk.simulator.server import Simulator
from tests.conftest import needs
from tests.desktop import Desktop, GroqOnLoopback, desktop, secret_service, wait_until

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("desktop"),
    needs("Xvfb", "openbox", "xdotool", "dbus-daemon", "gnome-keyring-daemon"),
]
CANARY = "gsk_canary0123456789abcdefghijklmnopqrstuvwxyz3f9A"


class World:
    """A desktop with a keyring, Groq's address on loopback, and groqdesk started on it as often as needed."""

    def __init__(self, tmp_path: Path, screen: Desktop, simulator: Simulator, base: dict[str, str]) -> None:
        self.home = tmp_path / "data"
        self.screen = screen
        self.simulator = simulator
        self.groq = GroqOnLoopback(tmp_path / "tls", simulator.base_url)
        self.environment = {**base, **screen.environment, **self.groq.environment, "GROQDESK_HOME": str(self.home)}
        self.environment.pop("QT_QPA_PLATFORM", None)
        self.running: list[subprocess.Popen[str]] = []
        self.said = ""

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "groqdesk", "-v"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def end(self, process: subprocess.Popen[str], how: int = signal.SIGTERM) -> None:
        process.send_signal(how)
        out, err = process.communicate(timeout=20)
        self.said += out + err
        self.running.remove(process)

    def rows(self, query: str) -> list[Any]:
        """What the database says, read beside the running window."""
        database = self.home / "groqdesk.db"
        if not database.exists():
            return []
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []

    def answers(self) -> list[str]:
        return [row[0] for row in self.rows("select content from messages where role = 'assistant' and state = 'done'")]

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate(timeout=10)
        self.groq.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with desktop() as screen, Simulator(speed=4) as simulator, secret_service(tmp_path / "person") as base:
        one = World(tmp_path, screen, simulator, base)
        yield one
        one.close()


def paste_key(world: World, key: str) -> str:
    """Types the key into the first page, waits until the server was asked, and goes on with Enter. The window's id."""
    window = world.screen.window("^groqdesk$")
    world.screen.focus(window)
    asked = len(world.simulator.requests)
    world.screen.type(key)
    wait_until(lambda: len(world.simulator.requests) > asked, "the key to be checked")
    return window


def test_a_key_a_question_a_restart_and_no_trace_of_the_key(world: World) -> None:
    process = world.start()
    window = paste_key(world, CANARY)
    wait_until(
        lambda: (
            not world.screen.key("Return") and bool(world.rows("select 1 from settings where key='first_run_done'"))
        ),
        "the first run to end",
    )
    world.screen.type("Explain leaky buckets with a table")
    world.screen.key("Return")
    wait_until(world.answers, "the answer in the database")
    first = world.answers()[0]
    (usage,) = world.rows(
        "select provider, outcome, prompt_tokens, completion_tokens, cost_nano_usd from provider_usage"
    )
    assert usage[:2] == ("groq", "ok")
    assert usage[4] == usage[2] * 150 + usage[3] * 600

    # A second start raises the first window and ends.
    second = world.start()
    out, err = second.communicate(timeout=30)
    world.running.remove(second)
    world.said += err
    assert (second.returncode, out.strip()) == (0, "groqdesk is already open.")
    assert world.screen.windows("^groqdesk$") == [window]

    # The command line works beside the open window, and the window's data stays whole.
    command = subprocess.run(
        [sys.executable, "-m", "groqdesk", "chat", "hello"], env=world.environment, capture_output=True, text=True
    )
    world.said += command.stdout + command.stderr
    assert command.returncode == 0
    world.end(process)

    # After a restart without any network the history is there.
    world.groq.close()
    process = world.start()
    world.screen.window("^groqdesk$")
    assert first in world.answers()
    assert len(world.rows("select 1 from conversations")) == 2
    world.end(process)
    assert process.returncode == 0

    keys = subprocess.run(
        [sys.executable, "-m", "groqdesk", "keys", "list"], env=world.environment, capture_output=True, text=True
    )
    assert "…3f9A  (keyring)" in keys.stdout
    world.said += keys.stdout + keys.stderr
    assert CANARY not in world.said
    assert "Traceback" not in world.said
    for file in world.home.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
    assert {record.headers.get("authorization", "") for record in world.simulator.requests} <= {"Bearer (redacted)"}


def test_a_killed_window_loses_nothing_acknowledged(world: World) -> None:
    process = world.start()
    paste_key(world, CANARY)
    wait_until(
        lambda: (
            not world.screen.key("Return") and bool(world.rows("select 1 from settings where key='first_run_done'"))
        ),
        "the first run to end",
    )
    world.simulator.inject(path="chat/completions", reply={"deltas": ["kept "] * 40}, after_chunks=30, then="stall")
    world.screen.type("this must survive")
    world.screen.key("Return")
    streamed = wait_until(
        lambda: world.rows("select content from messages where role = 'assistant' and length(content) > 20"),
        "streamed text in the database",
    )
    world.end(process, signal.SIGKILL)
    assert isinstance(streamed, list)
    process = world.start()
    world.screen.window("^groqdesk$")
    wait_until(
        lambda: world.rows("select 1 from messages where state = 'interrupted'"), "the broken answer to be marked"
    )
    rows = world.rows("select role, content, state from messages order by position")
    assert rows[0] == ("user", "this must survive", "done")
    assert rows[1][2] == "interrupted"
    assert rows[1][1].startswith(streamed[0][0])
    world.end(process)


def test_without_a_key_the_practice_server_answers(world: World) -> None:
    process = world.start()
    window = world.screen.window("^groqdesk$")
    world.screen.focus(window)
    for y in range(470, 620, 15):  # the card lies below the key's card, wherever the fonts put it
        world.screen.click(window, 672, y)
        time.sleep(0.2)
        if world.rows("select 1 from settings where key='first_run_done'"):
            break
    wait_until(lambda: world.rows("select 1 from settings where key='first_run_done'"), "the first run to end")
    world.screen.type("hello")
    world.screen.key("Return")
    wait_until(world.answers, "the practice server's answer")
    assert "practice server" in world.answers()[0].lower()
    assert world.groq.connects == []
    world.end(process)
    assert process.returncode == 0


def test_a_wrong_key_is_refused_and_not_kept(world: World) -> None:
    process = world.start()
    paste_key(world, "gsk_wrong0123456789abcdef")
    world.screen.key("Return")
    wait_until(lambda: world.simulator.requests[-1].status == 401, "the key to be refused")
    world.screen.key("Return")
    os.sched_yield()
    assert world.rows("select 1 from settings where key='first_run_done'") == []
    world.end(process)
    keys = subprocess.run(
        [sys.executable, "-m", "groqdesk", "keys", "list"], env=world.environment, capture_output=True, text=True
    )
    assert "groq       no key" in keys.stdout
