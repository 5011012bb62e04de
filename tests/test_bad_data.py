"""Bad files, folders, disks, clocks and streams: a sentence and the right exit code; nothing is changed or lost."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import pty
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from groqdesk.core.conversations import Conversation, StoredMessage
from groqdesk.core.errors import DiskFull
from groqdesk.core.ids import new_id
from groqdesk.core.messages import TextDelta
from groqdesk.storage.tables import APPLICATION_ID
from tests.cli.conftest import Command, Outcome
from tests.conftest import needs
from tests.desktop import wait_until
from tests.test_bad_input import Person, person  # noqa: F401, the fixture of the same person at the window
from tests.viewmodels.test_chat import Room

DESKTOP = [pytest.mark.system, pytest.mark.xdist_group("desktop"), needs("Xvfb", "openbox", "xdotool")]


def desktop_test(function: Callable[..., None]) -> Callable[..., None]:
    for mark in DESKTOP:
        function = mark(function)
    return function


@pytest.fixture
def groqdesk(own_home: Path) -> Command:
    return Command(own_home)


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small file system of its own at `folder`. Skips by name where this user may not mount; on CI that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    tool = shutil.which("mount")
    done = subprocess.run([tool or "false", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if done.returncode != 0:
        if os.environ.get("CI") == "true":
            pytest.fail(f"cannot mount a small file system: {done.stderr!r}")
        pytest.skip("this user cannot mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Writes to `path` until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096) == 4096:
            pass


def prints(folder: Path) -> dict[str, str]:
    """A fingerprint of every file that held something."""
    files = [file for file in folder.rglob("groqdesk*.db*") if file.is_file()]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def foreign(application_id: int, version: int) -> Callable[[Path], None]:
    def make(home: Path) -> None:
        with closing(sqlite3.connect(home / "groqdesk.db")) as database, database:
            database.execute("create table t (a)")
            database.execute(f"pragma application_id = {application_id}")
            database.execute(f"pragma user_version = {version}")

    return make


def emptied(home: Path) -> None:
    (home / "groqdesk.db").touch()
    (home / "backups").mkdir()
    (home / "backups" / "groqdesk-20260101T000000000000Z-r0001.db").write_bytes(b"a backup")


def torn(home: Path) -> None:
    """A database of ours with a hole in the middle."""
    command = [sys.executable, "-m", "groqdesk", "usage", "--data-dir", str(home)]
    subprocess.run(command, check=True, capture_output=True)
    with (home / "groqdesk.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 40_000)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "garbage": (lambda home: (home / "groqdesk.db").write_bytes(b"\x93\x01garbage" * 999), "is not a database."),
    "directory": (lambda home: (home / "groqdesk.db").mkdir(), "is not a database."),
    "cut off": (lambda home: (home / "groqdesk.db").write_bytes(b"SQLite format 3\0" + b"\x10"), "is cut off."),
    "emptied": (emptied, "is empty."),
    "torn": (torn, "The database is damaged."),
    "newer": (foreign(APPLICATION_ID, 99), "made by a newer groqdesk. Nothing was changed."),
    "another program's": (foreign(7, 3), "belongs to another program. Nothing was changed."),
}


@desktop_test
def test_a_database_that_cannot_be_used_is_named_in_a_window_and_left_alone(person: Person) -> None:  # noqa: F811
    for name, (make, sentence) in UNUSABLE.items():
        shutil.rmtree(person.home)
        person.home.mkdir()
        make(person.home)
        before = prints(person.home)
        said = subprocess.run(
            [sys.executable, "-m", "groqdesk", "usage"], env=person.environment, capture_output=True, text=True
        )
        assert said.returncode == 5, name
        assert sentence in said.stderr, name
        process, _ = person.open()
        time.sleep(0.3)
        person.screen.key("space")  # the button "Quit" has the focus
        _, error = process.communicate(timeout=20)
        person.running.remove(process)
        assert (process.returncode, "Traceback" in error) == (5, False), name
        assert prints(person.home) == before, name


@desktop_test
def test_a_folder_that_cannot_be_written_is_named_in_a_window(person: Person) -> None:  # noqa: F811
    with mounted(person.home, "ro"):
        process, _ = person.open()
        time.sleep(0.3)
        person.screen.key("space")
        _, error = process.communicate(timeout=20)
        person.running.remove(process)
        assert (process.returncode, "Traceback" in error) == (5, False)
        command = [sys.executable, "-m", "groqdesk", "usage"]
        said = subprocess.run(command, env=person.environment, capture_output=True, text=True)
        sentence = f"The folder {person.home} cannot be written. Choose another folder\n"
        assert (said.returncode, said.stderr) == (5, sentence)


@desktop_test
def test_a_full_disk_gives_the_question_back_and_takes_it_when_there_is_room(person: Person) -> None:  # noqa: F811
    with mounted(person.home, "size=3m"):
        person.begin()
        process, _ = person.open()
        assert person.ask("before")[0] == "done"
        filler = person.home / "filler"
        fill(filler)
        person.screen.type("while it is full " + "x" * 400)
        person.screen.key("Return")
        time.sleep(1.5)
        assert process.poll() is None
        filler.unlink()
        assert len(person.rows("select 1 from messages where role = 'user'")) == 1
        person.screen.key("Return")  # the question is in the composer again, and goes now
        wait_until(lambda: len(person.ended()) >= 2 and person.ended()[-1][0] == "done", "the question to be sent")
        asked = [text for (text,) in person.rows("select content from messages where role = 'user' order by seq")]
        assert asked == ["before", "while it is full " + "x" * 400]
        # Full in the middle of an answer: what could not be stored is stored before the next question.
        parts = {"deltas": ["word " * 20] * 400}
        person.simulator.inject(path="chat/completions", reply=parts, after_chunks=100, then="stall", stall_s=2)
        person.screen.type("long")
        person.screen.key("Return")
        streaming = "select 1 from messages where state = 'streaming' and length(content) > 20"
        wait_until(lambda: person.rows(streaming), "streamed text on disk")
        fill(filler)
        time.sleep(4)
        assert person.rows(streaming)
        filler.unlink()
        assert person.ask("after")[0] == "done"
        assert [(state, len(text)) for state, text, _ in person.ended()][-2] == ("done", 40_000)
        person.end(process)
        assert process.returncode == 0
        assert person.rows("pragma integrity_check") == [("ok",)]


@desktop_test
def test_a_strange_home_a_poor_locale_and_a_clock_that_goes_back(person: Person, tmp_path: Path) -> None:  # noqa: F811
    real = tmp_path / ("sp ace ü 你 " + "long" * 55)
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    person.home = link / 'data\'s "folder" %41'
    person.environment |= {"GROQDESK_HOME": str(person.home), "LC_ALL": "C", "LANG": "C"}
    person.begin()
    shutil.rmtree(person.home / "logs")
    (person.home / "logs").write_text("in the way of the log")
    process, _ = person.open()
    assert person.ask("first")[0] == "done"
    person.end(process)
    assert process.returncode == 0

    (tmp_path / "back").mkdir()
    back = "import time\nreal = time.time_ns\ntime.time_ns = lambda: real() - 366 * 86400 * 10**9\n"
    (tmp_path / "back" / "sitecustomize.py").write_text(back)
    person.environment["PYTHONPATH"] = str(tmp_path / "back")
    process, _ = person.open()
    assert person.ask("second")[0] == "done"
    person.end(process)
    rows = person.rows("select role, substr(content, 1, 6), position, created_ms from messages order by position")
    assert [row[0] for row in rows] == ["user", "assistant", "user", "assistant"]
    assert (rows[0][1], rows[2][1]) == ("first", "second")
    assert rows[2][3] < rows[0][3]
    assert list(real.rglob("groqdesk.db"))


# --- the command line ---------------------------------------------------------------------------------------------------


def refusal(outcome: Outcome) -> str:
    """The one sentence of a command that was refused before anything was sent."""
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    return outcome.err.strip()


@pytest.mark.system
def test_the_reader_of_a_command_may_leave(groqdesk: Command) -> None:
    line = f"set -o pipefail; {sys.executable} -m groqdesk models llm | head -1"
    done = subprocess.run(["bash", "-c", line], env=groqdesk.environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


@pytest.mark.system
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_no_failure(groqdesk: Command, closed: str) -> None:
    line = f"{sys.executable} -m groqdesk chat --provider demo hello {closed}"
    done = subprocess.run(["bash", "-c", line], env=groqdesk.environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "went wrong" not in done.stderr
    with closing(sqlite3.connect(groqdesk.home / "groqdesk.db")) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert database.execute("select state from messages where role = 'assistant'").fetchall() == [("done",)]


@pytest.mark.system
def test_stdin_that_is_no_question(groqdesk: Command) -> None:
    def ask(data: bytes) -> Outcome:
        command = [sys.executable, "-m", "groqdesk", "chat", "--provider", "demo", "--json", "-"]
        done = subprocess.run(command, env=groqdesk.environment, input=data, capture_output=True)
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    garbage = bytes(range(256)) * 80
    for data in (garbage, b"nul\0inside", b"\xff", "Gr\u00fc\u00dfe".encode("latin-1")):
        outcome = ask(data)
        (error,) = outcome.events
        assert (outcome.code, error["kind"]) == (2, "bad_request")
        assert error["message"] == "What came on stdin is not text in UTF-8."
    assert ask(b" \n\t").events[0]["message"] == "The question is empty."
    assert ask(b"x" * 4_000_001).events[0]["message"] == "The question is longer than 4,000,000 characters."
    for encoding in ("utf-8-sig", "utf-16"):
        outcome = ask("Grüße 🙂".encode(encoding))
        assert (outcome.code, "Grüße 🙂" in outcome.text) == (0, True)
    # One line of 2 MB is a question. It is longer than the model reads, and the sentence says so.
    outcome = ask(b"x" * 2_000_000)
    assert (outcome.code, outcome.events[-1]["kind"]) == (3, "context_too_long")
    assert outcome.events[-1]["action"] == "Drop oldest turns"


@pytest.mark.system
def test_a_locale_that_cannot_show_the_answer(groqdesk: Command) -> None:
    poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    python = [sys.executable, "-m", "groqdesk"]
    for words in (poor, {"PYTHONIOENCODING": "ascii:strict"}, {"PYTHONIOENCODING": "cp1252:strict"}):
        environment = {**groqdesk.environment, **words}
        for command in (["chat", "--provider", "demo", "Say 🙂"], ["models", "llm"]):
            done = subprocess.run([*python, *command], env=environment, capture_output=True)
            assert (done.returncode, b"went wrong" in done.stderr) == (0, False)
            assert len(done.stdout) > 200
    command = ["chat", "--json", "--provider", "demo", "Grüße"]
    raw = subprocess.run([*python, *command], env={**groqdesk.environment, **poor}, capture_output=True)
    assert raw.returncode == 0
    assert any("“" in line for line in raw.stdout.decode("utf-8").splitlines())


@pytest.mark.system
@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://user:secret@127.0.0.1:9/v1", "An address holds no user name or password. Store the key as a key."),
        ("ftp://127.0.0.1/v1", "An address begins with https:// or http://."),
        ("file:///etc/passwd", "An address begins with https:// or http://."),
        ("", "The address is empty."),
        ("http://127.0.0.1:99999/v1", "This is not an address of a server."),
        (f"http://{'a' * 64}.invalid/v1", "This is not an address of a server."),
        ("http://a..invalid/v1", "This is not an address of a server."),
        ("http://127.0.0.1:9/v1?key=secret", "An address of a server ends before ? and #."),
    ],
)
def test_addresses_that_are_none(groqdesk: Command, address: str, sentence: str) -> None:
    outcome = groqdesk("-v", "chat", "--json", "--provider", "groq", "--base-url", address, "hello")
    end = outcome.events[-1]
    assert (outcome.code, end["kind"], end["message"]) == (2, "bad_request", sentence)
    assert end["action"] == "Check the address"
    assert "secret" not in outcome.out + outcome.err


@pytest.mark.system
def test_an_address_as_it_was_pasted_works(groqdesk: Command, simulator: Any) -> None:
    host = simulator.base_url.removeprefix("http://")
    for address in (f"http://{host}/chat/completions", f" {host}/ ", host):
        assert groqdesk("chat", "--provider", "groq", "--base-url", address, "hello").code == 0


@pytest.mark.system
def test_tool_files_and_agents_that_are_none(groqdesk: Command, tmp_path: Path) -> None:
    file = tmp_path / "tool.json"

    def said(content: bytes) -> str:
        file.write_bytes(content)
        return refusal(groqdesk("chat", "--provider", "demo", "--tool", str(file), "hello"))

    assert said(b'{"type":').startswith(f"{file}: The tool file is not JSON:")
    assert said(b"\x93\xff") == f"{file}: The tool file is not text in UTF-8."
    assert said(b"[" * 200_000) == f"{file}: The tool file is nested too deeply."
    assert said(b"[]").startswith(f"{file}: A tool file holds ")
    assert refusal(groqdesk("chat", "--tool", str(tmp_path), "hello")) == f"{tmp_path}: Is a directory."
    assert refusal(groqdesk("chat", "--agent", "nobody", "hello")) == "There is no agent 'nobody'."


@pytest.mark.system
def test_numbers_out_of_their_range(groqdesk: Command) -> None:
    for since in ("0001-01-01", "999999d", "2026-02-30"):
        assert refusal(groqdesk("usage", "--since", since)).endswith(f"not '{since}'.")
    for port in ("-1", "65536"):
        assert refusal(groqdesk("simulator", "--port", port)) == "--port is a number from 0 to 65535."


@pytest.mark.system
def test_the_data_folder_may_stand_before_and_after_the_command(groqdesk: Command, tmp_path: Path) -> None:
    for number, arguments in enumerate((["--data-dir", "{}", "usage"], ["usage", "--data-dir", "{}"])):
        folder = tmp_path / f"wanted {number}"
        assert groqdesk(*[word.format(folder) for word in arguments]).code == 0
        assert (folder / "groqdesk.db").exists()
    assert not groqdesk.home.exists()


@pytest.mark.system
def test_folders_that_cannot_hold_data(groqdesk: Command, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("something else")
    for folder in (file, file / "below", tmp_path / ("x" * 300)):
        outcome = groqdesk("usage", "--data-dir", str(folder))
        assert (outcome.code, outcome.out) == (5, "")
        assert "Traceback" not in outcome.err
        assert "went wrong" not in outcome.err
    assert groqdesk("usage", "--data-dir", str(file)).err.startswith(f"{file} is in the way: it is not a folder.")
    assert file.read_text() == "something else"


@pytest.mark.system
def test_no_home_and_a_home_of_nobody(groqdesk: Command, tmp_path: Path) -> None:
    groqdesk.environment = {k: v for k, v in groqdesk.environment.items() if k not in ("HOME", "GROQDESK_HOME")}
    groqdesk.environment["XDG_DATA_HOME"] = groqdesk.environment["XDG_STATE_HOME"] = str(tmp_path / "xdg")
    assert groqdesk("doctor").code == 0
    assert groqdesk("usage").code == 0
    assert (tmp_path / "xdg" / "groqdesk" / "groqdesk.db").exists()
    command = [sys.executable, "-m", "groqdesk", "usage", "--data-dir", "~nobody-of-this-name/x"]
    done = subprocess.run(command, env=groqdesk.environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert (tmp_path / "~nobody-of-this-name" / "x" / "groqdesk.db").exists()


@pytest.mark.system
def test_a_log_that_cannot_be_written_costs_the_log_only(groqdesk: Command) -> None:
    (groqdesk.home / "logs" / "groqdesk.log").mkdir(parents=True)
    outcome = groqdesk("chat", "--json", "--provider", "groq", "hello")  # asking the keyring is logged
    assert outcome.events[-1]["kind"] == "no_key"
    assert outcome.err == ""


@pytest.mark.system
@pytest.mark.skipif(os.name == "nt", reason="pseudo terminals of POSIX")
def test_an_answer_cannot_command_the_terminal(groqdesk: Command, simulator: Any) -> None:
    evil = "before\x1b]0;title\x07\x1b[2J\x9b31m\x08\r after\ttab\nend"
    simulator.inject(path="chat/completions", reply={"text": evil}, times=None)
    simulated = ["chat", "--provider", "groq", "--base-url", simulator.base_url, "hello"]
    assert "\x1b]0;" in groqdesk(*simulated).out  # what is piped on stays as it came
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "groqdesk", *simulated], env=groqdesk.environment, stdout=slave, stderr=subprocess.PIPE
    )
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the other end closes
        while data := os.read(master, 4096):
            shown += data
    os.close(master)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert shown.decode().replace("\r\n", "\n").startswith("before]0;title[2J31m after\ttab\nend")
    assert b"\x1b" not in shown


# --- the window's model -------------------------------------------------------------------------------------------------


async def test_what_is_typed_while_a_conversation_is_read_stays() -> None:
    room = Room()
    await room.settled()
    choice = room.model.state.choice
    kept = Conversation(new_id(), "kept", choice, 1, 1, draft="stored ")
    await room.store.create(kept)
    read, reading = asyncio.Event(), asyncio.Event()
    messages = room.store.messages

    async def slowly(conversation_id: str) -> tuple[StoredMessage, ...]:
        reading.set()
        await read.wait()
        return await messages(conversation_id)

    room.store.messages = slowly  # type: ignore[method-assign]
    room.model.start(choice)
    await reading.wait()
    room.model.set_draft("typed early")
    read.set()
    await room.settled()
    assert room.model.state.current is not None
    assert room.model.state.draft == "stored typed early"
    await room.model.close()


async def test_an_answer_that_found_no_room_is_stored_before_the_next_question() -> None:
    room = Room([TextDelta("first")], [TextDelta("second")])
    await room.settled()
    finish = room.store.finish

    async def full(message: StoredMessage) -> None:
        raise DiskFull("The disk is full, so this was not saved.")

    room.store.finish = full  # type: ignore[method-assign]
    room.model.send("one")
    await room.settled()
    assert room.model.state.notice is not None
    assert room.model.state.notice.text == "The disk is full, so this was not saved."
    room.store.finish = finish  # type: ignore[method-assign]
    room.model.send("two")
    await room.settled()
    turns = room.model.state.turns
    assert [(t.content, t.state) for t in turns if t.role == "assistant"] == [("first", "done"), ("second", "done")]
    await room.model.close()
