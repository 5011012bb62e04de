"""Bad input through the real window: a sentence, a cause, an action; the window lives on and nothing is lost."""

from __future__ import annotations

import ctypes
import functools
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from groqdesk.simulator.server import Simulator
from tests.conftest import needs
from tests.desktop import desktop, secret_service, wait_until
from tests.test_first_light import CANARY, World

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("desktop"), needs("Xvfb", "openbox", "xdotool")]
KEY = "gsk_bad_input_0123456789abcdefghij"
ROOMY = {"models": {"openai/gpt-oss-120b": {"rpm": None, "rpd": None, "tpm": None, "tpd": None}}}
LONGER = "select 1 from conversations where parameters = '{\"max_completion_tokens\":4096}'"
HARSH = os.environ.get("GROQDESK_SOAK_KILLS", "1000")


class Person(World):
    """Somebody at the window, who has a key and has passed the first page."""

    def begin(self) -> None:
        """Makes the data as after the first run."""
        subprocess.run(
            [sys.executable, "-m", "groqdesk", "usage"], env=self.environment, check=True, capture_output=True
        )
        with closing(sqlite3.connect(self.home / "groqdesk.db")) as database, database:
            database.execute("insert or replace into settings values ('first_run_done', 'true')")

    def open(self) -> tuple[subprocess.Popen[str], str]:
        process = self.start()
        window = self.screen.window("groqdesk")
        self.screen.focus(window)
        time.sleep(0.4)  # a person sees the window before typing
        return process, window

    def rows(self, query: str) -> list[Any]:
        database = (self.home / "groqdesk.db").resolve()  # a folder may be called %41
        if not database.exists():
            return []
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []

    def ended(self) -> list[tuple[str, str, dict[str, str] | None]]:
        """State, text and trouble of every answer that has ended, in order."""
        query = "select state, content, trouble from messages where role = 'assistant' and state != 'streaming' order by seq"
        return [(state, text, json.loads(trouble) if trouble else None) for state, text, trouble in self.rows(query)]

    def ask(self, question: str, **fault: Any) -> tuple[str, str, dict[str, str]]:
        """Types a question and waits for the end of its answer. `fault` is what the server does with it."""
        if fault:
            self.simulator.inject(path="chat/completions", **fault)
        before = len(self.ended())
        self.screen.type(question)
        self.screen.key("Return")
        wait_until(lambda: len(self.ended()) > before, f"an end of {question!r}")
        state, text, trouble = self.ended()[-1]
        return state, text, trouble or {}

    def click_card(self, window: str, done: Callable[[], object], what: str) -> None:
        """Clicks the button of the last card: it stands at the right of the thread, above the composer."""
        shape = dict(
            line.split("=") for line in self.screen.xdotool("getwindowgeometry", "--shell", window).splitlines()
        )
        right = int(shape["WIDTH"]) - 296 - 24 - 50
        ways = range(100, int(shape["HEIGHT"]) - 160, 14)  # from the card of the only answer, or of the last of many
        for y in ways if len(self.ended()) == 1 else reversed(ways):
            self.screen.click(window, right, y)
            time.sleep(0.05)
            if done():
                return
        wait_until(done, what, 5)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    base = {**os.environ, "GROQ_API_KEY": KEY}
    with desktop() as screen, Simulator(script=ROOMY, speed=0) as simulator:
        one = Person(tmp_path, screen, simulator, base)
        one.begin()
        yield one
        one.close()
        assert "Traceback" not in one.said
        assert KEY not in one.said


def test_every_refusal_of_a_server_has_its_card_and_the_window_lives_on(person: Person) -> None:
    process, window = person.open()
    state, _, card = person.ask("key", respond={"status": 401, "json": {"error": {"message": "Invalid API Key"}}})
    assert (state, card["kind"], card["message"]) == ("failed", "invalid_key", "The key for Groq was refused.")
    assert card["action"] == "Replace key"
    state, _, card = person.ask("portal", respond="captive_portal")
    assert (state, card["kind"]) == ("failed", "bad_response")
    assert card["message"] == "A sign-in page of this network answered instead of Groq."
    state, _, card = person.ask("edge", respond="cloudflare_403")
    assert card["message"] == "Groq blocks this network, often a VPN. The key is fine."
    limit = "Rate limit reached on tokens per minute (TPM): Limit 8000, Used 7000, Requested 2000. Try again in 7.5s."
    reply = {"status": 429, "headers": {"retry-after": "8"}, "json": {"error": {"message": limit, "type": "tokens"}}}
    state, _, card = person.ask("limit", respond=reply)
    assert (state, card["kind"], card["action"]) == ("failed", "rate_limited", "Send in 8 s")
    assert card["message"].startswith("Fits in 8 s.")
    assert card["retry_at_ms"]

    # The budget goes into thinking: one button allows more and asks again.
    reply = {"deltas": [], "reasoning": "thinking " * 30, "finish_reason": "length"}
    state, text, _ = person.ask("thinking", reply=reply)
    assert (state, text) == ("done", "")
    time.sleep(1)  # the database knows the end a moment before the button stands where it will stay
    for y in (641, 648, 634, 655, 627):  # the button above the last line, wherever the fonts put it
        person.screen.click(window, 568, y)
        time.sleep(0.6)
        if person.rows(LONGER):
            break
    wait_until(lambda: person.ended()[-1][:1] == ("done",) and person.ended()[-1][1], "an answer with room for it")
    assert person.rows(LONGER)
    assert len(person.rows("select 1 from messages where role = 'user'")) == 5

    # Cut in the middle: the text stays, Continue goes on.
    state, text, card = person.ask("cut", reply={"deltas": ["word "] * 40}, after_chunks=20, then="reset")
    assert (state, card["message"], card["action"]) == ("interrupted", "The connection broke off.", "Continue")
    assert text.startswith("word word")
    asked = len(person.rows("select 1 from messages where role = 'user'"))
    person.click_card(
        window, lambda: len(person.rows("select 1 from messages where role = 'user'")) > asked, "Continue to ask again"
    )
    assert person.rows("select content from messages where role = 'user' order by seq desc limit 1") == [
        ("Continue exactly where you stopped.",)
    ]
    wait_until(lambda: person.ended()[-1][0] == "done", "the answer to go on")
    assert [text for _, text, _ in person.ended()][-2].startswith("word word")
    person.end(process)
    assert process.returncode == 0


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://nobody.invalid:3128"])
def test_without_a_network_the_question_stays_and_one_click_asks_again(person: Person, proxy: str) -> None:
    person.environment["HTTPS_PROXY"] = proxy
    process, _ = person.open()
    state, _, card = person.ask("nobody there")
    assert (state, card["kind"], card["action"]) == ("failed", "connection", "Try again")
    assert card["message"].endswith(".")
    person.end(process)
    person.environment |= person.groq.environment
    process, window = person.open()
    person.click_card(window, lambda: person.ended()[-1][0] == "done", "the same question to be answered")
    assert person.rows("select content from messages where role = 'user'") == [("nobody there",)]
    person.end(process)
    assert process.returncode == 0


def test_a_retired_model_is_exchanged_by_one_click(person: Person) -> None:
    model = ["--provider", "groq", "--model", "llama-3.3-70b-versatile"]
    command = [sys.executable, "-m", "groqdesk", "chat", *model, "hello"]
    done = subprocess.run(command, env=person.environment, capture_output=True, text=True)
    assert done.returncode == 3
    process, window = person.open()
    person.click_card(window, lambda: person.ended()[-1][0] == "done", "an answer of the successor")
    (answer,) = person.rows("select facts from messages where role = 'assistant' and state = 'done'")
    assert json.loads(answer[0])["model"] == "openai/gpt-oss-120b"
    assert person.rows("select model from conversations") == [("openai/gpt-oss-120b",)]
    person.end(process)
    assert process.returncode == 0


def new_chat(person: Person) -> None:
    time.sleep(1)  # a 2 MB answer is being drawn
    person.screen.key("ctrl+n")
    time.sleep(0.5)


IN_ACCESS, IN_OPEN, IN_NONBLOCK = 0x1, 0x20, 0o4000


class Watched:
    """A file that tells whether anybody opened or read it (inotify)."""

    def __init__(self, path: Path) -> None:
        path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        self.path = path
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(IN_NONBLOCK)
        assert libc.inotify_add_watch(self._descriptor, str(path).encode(), IN_ACCESS | IN_OPEN) >= 0

    def touched(self) -> list[int]:
        """Masks of what happened since the last call."""
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return []
        masks = []
        while data:
            _, mask, _, length = struct.unpack_from("iIII", data)
            masks.append(mask)
            data = data[16 + length :]
        return masks

    def close(self) -> None:
        os.close(self._descriptor)


HOSTILE = """<img src="file://{file}"><img src="http://127.0.0.1:{port}/a.png" onerror="alert(1)">
<script>fetch("http://127.0.0.1:{port}/b")</script><iframe src="file://{file}"></iframe>
<link rel="stylesheet" href="file://{file}"><style>@import "http://127.0.0.1:{port}/c.css";</style>

![local](file://{file}) ![remote](http://127.0.0.1:{port}/d.png) ![path]({file}) ![unc](\\\\127.0.0.1\\share\\e.png)
![data](data:image/svg+xml;base64,PHN2Zy8+) ![ref][x]

[script](javascript:alert(1)) [data](data:text/html,<script>1</script>) [local](file://{file}) [unc](//127.0.0.1:{port}/f)
[user](https://api.groq.com@127.0.0.1:{port}/g) [bidi](https://example.com/\u202egpj.exe) <file://{file}>

[x]: file://{file} "title"

\u202eright to left\u202c \u2066isolate\u2069 zero\u200bwidth \u0000\u001b]0;title\u0007 \ud7ff \ufffe

| a | <b>b</b> |
| - | - |
| `file://{file}` | ![t](file://{file}) |

```html
<img src="file://{file}">
```
"""


def test_a_hostile_answer_is_text_and_huge_ones_do_not_stop_the_window(
    person: Person, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = Watched(tmp_path / "planted.svg")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    request.addfinalizer(listener.close)
    request.addfinalizer(file.close)
    assert file.path.read_text()
    assert file.touched()  # the watch works
    process, window = person.open()
    hostile = HOSTILE.replace("{file}", str(file.path)).replace("{port}", str(listener.getsockname()[1]))
    parts = [hostile[i : i + 7] for i in range(0, len(hostile), 7)]
    state, text, _ = person.ask("hostile", reply={"deltas": parts})
    assert (state, text) == ("done", hostile.replace("\0", "\ufffd"))
    for y in range(120, 620, 20):  # the pointer meets every line
        person.screen.xdotool("mousemove", "--window", window, "560", str(y))
    assert person.ask("alive?")[0] == "done"

    state, text, _ = person.ask("long", reply={"deltas": ["A line of a long answer, and no end. \n\n" * 500] * 100})
    assert (state, len(text)) == ("done", 39 * 500 * 100)
    new_chat(person)
    state, text, _ = person.ask("wide", reply={"deltas": ["x" * 50_000] * 20})
    assert (state, text) == ("done", "x" * 1_000_000)
    new_chat(person)
    state, _, card = person.ask("line", reply={"text": "y" * 1_500_000})
    assert (state, card["kind"]) == ("failed", "bad_response")
    assert person.ask("still there?")[0] == "done"
    person.end(process)
    assert process.returncode == 0

    # After a restart it is drawn from the database instead.
    process, window = person.open()
    for y in range(120, 620, 50):
        person.screen.xdotool("mousemove", "--window", window, "560", str(y))
    assert person.ask("again")[0] == "done"
    person.end(process)
    assert file.touched() == []
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert set(person.groq.connects) == {"api.groq.com:443"}


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ending_the_window_in_the_middle_of_an_answer_keeps_its_text(person: Person) -> None:
    for way in ("SIGTERM", "close", "SIGKILL"):
        process, window = person.open()
        person.simulator.inject(
            path="chat/completions", reply={"deltas": ["kept "] * 50}, after_chunks=30, then="stall"
        )
        person.screen.type(f"by {way}")
        person.screen.key("Return")
        streaming = "select content from messages where state = 'streaming' and length(content) > 20"
        wait_until(functools.partial(person.rows, streaming), "streamed text on disk")
        streamed = person.rows(streaming)[0]
        if way == "close":
            person.screen.xdotool("windowactivate", "--sync", window, "key", "alt+F4")
            _, error = process.communicate(timeout=20)
            person.said += error
            person.running.remove(process)
        else:
            person.end(process, getattr(signal, way))
        assert process.returncode == (-signal.SIGKILL if way == "SIGKILL" else 0)
        if way == "SIGKILL":
            process, window = person.open()
            wait_until(lambda: not person.rows("select 1 from messages where state = 'streaming'"), "the repair")
            person.end(process)
        state, text, _ = person.ended()[-1]
        assert state == "interrupted"
        assert text.startswith(streamed[0])


def kill_in_a_stream(person: Person, times: int) -> None:
    """Kills the window at different moments of streamed answers. What had been seen on disk before must be there after."""
    for number in range(times):
        process, _ = person.open()
        person.simulator.reset(ROOMY)
        person.simulator.inject(
            path="chat/completions", reply={"deltas": [f"{number} "] * 400}, after_chunks=350, then="stall"
        )
        person.screen.type(f"question {number}")
        person.screen.key("Return")
        asked = f"select seq from messages where content = 'question {number}'"
        wait_until(functools.partial(person.rows, asked), "the question on disk")
        time.sleep(number % 10 * 0.11)
        seen = person.rows("select id, content from messages order by seq")
        person.end(process, signal.SIGKILL)
        kept = dict(person.rows("select id, content from messages"))
        for message, text in seen:
            assert kept[message].startswith(text)
    process, _ = person.open()
    person.end(process)
    assert process.returncode == 0
    assert person.rows("pragma integrity_check") == [("ok",)]
    assert person.rows("select 1 from messages where state = 'streaming'") == []
    assert len(person.rows("select 1 from messages where role = 'user'")) == times


def test_five_kills_in_streams_lose_nothing(person: Person) -> None:
    kill_in_a_stream(person, 5)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_thousand_kills_in_streams_lose_nothing(person: Person) -> None:
    kill_in_a_stream(person, int(HARSH))


def test_of_five_starts_at_the_same_moment_one_lives(person: Person) -> None:
    processes = [person.start() for _ in range(5)]
    wait_until(lambda: sum(p.poll() is None for p in processes) == 1, "four of five to give way", 60)
    (alive,) = [process for process in processes if process.poll() is None]
    assert len(person.screen.windows("groqdesk")) == 1
    person.end(alive)
    assert alive.returncode == 0
    for process in processes:
        if process is not alive:
            out, error = process.communicate(timeout=20)
            person.said += out + error
            person.running.remove(process)
            assert (process.returncode, out.strip()) == (0, "groqdesk is already open.")
    assert person.rows("pragma integrity_check") == [("ok",)]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_crash_leaves_a_note_of_the_code_and_no_core_file(person: Person) -> None:
    process, _ = person.open()
    limits = Path(f"/proc/{process.pid}/limits")
    if limits.exists():
        (core,) = [line for line in limits.read_text().splitlines() if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]
    person.end(process, signal.SIGSEGV)
    note = (person.home / "logs" / "crash.txt").read_text()
    assert note.startswith("Fatal Python error: Segmentation fault")
    assert "loop.py" in note
    assert KEY not in note
    process, _ = person.open()
    person.end(process)
    assert process.returncode == 0
    assert (person.home / "logs" / "crash.txt").read_text() == note


@needs("dbus-daemon", "gnome-keyring-daemon")
def test_keys_as_people_paste_them(tmp_path: Path) -> None:
    with desktop() as screen, Simulator(speed=0) as simulator, secret_service(tmp_path / "person") as base:
        one = Person(tmp_path, screen, simulator, base)
        process, _ = one.open()
        screen.type("gsk_two words")  # spaces inside: refused here, sent nowhere
        time.sleep(1)
        assert simulator.requests == ()
        screen.key("ctrl+a", "BackSpace")
        screen.type("gsk_wrong0123456789abcdef")
        wait_until(lambda: simulator.requests and simulator.requests[-1].status == 401, "the wrong key to be refused")
        time.sleep(0.5)
        screen.key("Return")
        assert one.rows("select 1 from settings where key = 'first_run_done'") == []
        screen.key("ctrl+a", "BackSpace")
        asked = len(simulator.requests)
        screen.type(f"  {CANARY}  ")
        wait_until(lambda: len(simulator.requests) > asked and simulator.requests[-1].status == 200, "the key to work")

        def first_run_done() -> bool:
            screen.key("Return")
            return bool(one.rows("select 1 from settings where key = 'first_run_done'"))

        wait_until(first_run_done, "the first run to end")
        one.end(process)
        listed = subprocess.run(
            [sys.executable, "-m", "groqdesk", "keys", "list"], env=one.environment, capture_output=True, text=True
        )
        assert "…3f9A  (keyring)" in listed.stdout
        one.close()
        assert "Traceback" not in one.said
        assert CANARY not in one.said
