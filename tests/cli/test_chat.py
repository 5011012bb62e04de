"""`groqdesk chat` keeps its published promise: events in order, one end, exit codes, nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Outcome

pytestmark = pytest.mark.system
ENDS = {"finished", "interrupted", "error"}
USAGE_FIELDS = {
    "type",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost_usd",
    "estimated",
    "queue_s",
    "prompt_s",
    "completion_s",
    "ttft_s",
    "total_s",
}
ERROR_FIELDS = {"type", "kind", "message", "action", "replacement", "status", "code", "retry_at", "request_id"}


def check_order(outcome: Outcome) -> list[dict[str, Any]]:
    """Exactly one end, which comes last; usage at most once, right before it."""
    events = outcome.events
    kinds = [event["type"] for event in events]
    assert [kind for kind in kinds if kind in ENDS] == [kinds[-1]]
    assert kinds.count("usage") <= 1
    if "usage" in kinds:
        assert kinds.index("usage") == len(kinds) - 2
    return events


def ask(groqdesk: Command, url: str, *more: str) -> Outcome:
    outcome = groqdesk("chat", "--json", "--provider", "groq", "--base-url", url, *(more or ("hello",)))
    check_order(outcome)
    return outcome


def test_an_answer(groqdesk: Command, practice: Any) -> None:
    url = practice({"speed": 0})
    outcome = ask(groqdesk, url, "--param", "temperature=0.2", "--param", "max_completion_tokens=900", "hello there")
    assert outcome.code == 0
    events = outcome.events
    assert events[0] == {"type": "started", "provider": "groq", "model": "openai/gpt-oss-120b", "attempt": 1}
    assert outcome.text
    assert outcome.of("reasoning")
    (usage,) = outcome.of("usage")
    assert set(usage) == USAGE_FIELDS
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["estimated"] is False
    assert re.fullmatch(r"0(\.\d+)?", usage["cost_usd"])
    prompt, completion, cached = usage["prompt_tokens"], usage["completion_tokens"], usage["cached_tokens"]
    nano = (prompt - cached) * 150 + cached * 75 + completion * 600
    assert round(float(usage["cost_usd"]) * 1e9) == nano
    assert events[-1] == {
        "type": "finished",
        "finish_reason": "stop",
        "provider": "groq",
        "model": "openai/gpt-oss-120b",
    }
    assert '"kind"' not in outcome.out

    plain = groqdesk("chat", "--provider", "groq", "--base-url", url, "-", stdin="hello there")
    assert plain.code == 0
    assert plain.out.strip()
    assert "TTFT" in plain.err

    usage_rows = json.loads(groqdesk("usage", "--json", "--by", "model").out)["rows"]
    assert [(row["model"], row["requests"]) for row in usage_rows] == [("openai/gpt-oss-120b", 2)]
    assert groqdesk("usage", "--csv").out.startswith("day,requests,failed,")


def test_no_key_is_a_local_problem(groqdesk: Command) -> None:
    outcome = groqdesk("chat", "--json", "--provider", "groq", "hi")
    (error,) = check_order(outcome)
    assert set(error) == ERROR_FIELDS
    assert (error["kind"], outcome.code) == ("no_key", 5)
    assert error["message"] == "No key for Groq is stored."


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        ({"key": "gsk_other"}, "invalid_key", 3),
        ({"faults": [{"respond": "cloudflare_403"}]}, "permission", 3),
        ({"faults": [{"respond": "captive_portal"}]}, "bad_response", 3),
        ({"faults": [{"respond": "unavailable_503", "times": None}]}, "unavailable", 3),
        ({"faults": [{"reset": True, "times": None}]}, "connection", 3),
        ({"faults": [{"redirect": "https://elsewhere.invalid/"}]}, "bad_response", 3),
    ],
)
def test_refusals_have_their_kind(
    groqdesk: Command, practice: Any, script: dict[str, Any], kind: str, code: int
) -> None:
    outcome = ask(groqdesk, practice(script))
    end = outcome.events[-1]
    assert (end["type"], end["kind"], outcome.code) == ("error", kind, code)
    assert set(end) == ERROR_FIELDS
    assert end["message"].endswith(".")
    assert "<html" not in outcome.out + outcome.err
    assert "Traceback" not in outcome.err


def test_nobody_there(groqdesk: Command) -> None:
    outcome = ask(groqdesk, "http://127.0.0.1:9/openai/v1")
    assert (outcome.events[-1]["kind"], outcome.code) == ("connection", 3)


def test_a_retired_model_names_its_replacement(groqdesk: Command, practice: Any) -> None:
    outcome = ask(groqdesk, practice(), "--model", "llama-3.3-70b-versatile", "hi")
    error = outcome.events[-1]
    assert (error["kind"], error["status"], error["code"]) == ("not_found", 404, "model_not_found")
    assert error["replacement"] == "openai/gpt-oss-120b"
    assert error["message"] == "llama-3.3-70b-versatile was retired on 16 Aug 2026."


def test_a_rate_limit_says_when(groqdesk: Command, practice: Any) -> None:
    url = practice({"speed": 0, "models": {"openai/gpt-oss-120b": {"rpm": 1}}})
    assert ask(groqdesk, url).code == 0
    outcome = ask(groqdesk, url, "again")
    error = outcome.events[-1]
    assert (error["kind"], error["status"], outcome.code) == ("rate_limited", 429, 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", error["retry_at"])


def test_too_large_for_the_plan_is_not_a_wait(groqdesk: Command, practice: Any) -> None:
    url = practice({"models": {"openai/gpt-oss-120b": {"tpm": 100}}})
    error = ask(groqdesk, url, "word " * 400).events[-1]
    assert (error["kind"], error["retry_at"]) == ("too_large", None)


@pytest.mark.parametrize("then", ["eof", "close", "reset"])
def test_a_cut_stream_is_interrupted_and_kept(groqdesk: Command, practice: Any, then: str) -> None:
    fault = {"reply": {"deltas": ["One ", "two ", "three ", "four"]}, "after_chunks": 3, "then": then}
    outcome = ask(groqdesk, practice({"speed": 0, "faults": [fault]}))
    end = outcome.events[-1]
    assert (end["type"], outcome.code) == ("interrupted", 4)
    assert end["cause"] in ("truncated", "connection")
    assert outcome.text.startswith("One ")
    assert end["kept_characters"] == len(outcome.text)
    (usage,) = outcome.of("usage")
    assert usage["estimated"] is True
    with closing(sqlite3.connect(groqdesk.home / "groqdesk.db")) as database:
        row = database.execute("select content, state from messages where role = 'assistant'").fetchone()
    assert row == (outcome.text, "interrupted")


def test_an_error_event_inside_a_good_stream_is_an_error(groqdesk: Command, practice: Any) -> None:
    fault = {"reply": {"deltas": ["One ", "two "]}, "after_chunks": 2, "then": "error", "error": "server_error"}
    outcome = ask(groqdesk, practice({"speed": 0, "faults": [fault]}))
    assert (outcome.events[-1]["type"], outcome.code) == ("interrupted", 4)


def test_a_stream_cut_into_single_bytes_reads_the_same(groqdesk: Command, practice: Any) -> None:
    text = "Grüße, 你好, 🙂 and more"
    framing = {"split_bytes": 1, "crlf": True, "comments": True, "bom": True}
    outcome = ask(groqdesk, practice({"speed": 0, "faults": [{"reply": {"text": text}, "framing": framing}]}))
    assert (outcome.text, outcome.code) == (text, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--param", "temperature=9", "hi"],
        ["--param", "temperature=warm", "hi"],
        ["--param", "nonsense=1", "hi"],
        ["--param", "temperature", "hi"],
        ["--param", "max_completion_tokens=131072", "hi"],
        ["--provider", "nobody", "hi"],
        ["--tool", "/nowhere.json", "hi"],
        [" "],
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_sent(groqdesk: Command, arguments: list[str]) -> None:
    outcome = groqdesk("chat", "--json", *arguments)
    (error,) = check_order(outcome)
    assert (error["kind"], outcome.code) == ("bad_request", 2)
    assert error["message"].endswith((".", ". "))


def test_wrong_usage_is_exit_2(groqdesk: Command) -> None:
    assert groqdesk("chat").code == 2
    assert groqdesk("nonsense").code == 2
    assert groqdesk("usage", "--since", "yesterday").code == 2


def test_a_mocked_tool_is_called_and_answered(groqdesk: Command, practice: Any, tmp_path: Path) -> None:
    tool = tmp_path / "weather.json"
    tool.write_text(
        json.dumps(
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "The weather in a city",
                    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
                },
                "result": {"degrees": 3},
            }
        )
    )
    outcome = ask(groqdesk, practice({"speed": 0}), "--tool", str(tool), "What is the weather in Oslo?")
    (call,) = outcome.of("tool_call")
    assert call["name"] == "get_weather"
    assert isinstance(call["arguments"], dict)
    (result,) = outcome.of("tool_result")
    assert (result["id"], json.loads(result["result"])) == (call["id"], {"degrees": 3})
    assert outcome.code == 0
    assert outcome.text


def test_ctrl_c_keeps_the_text_and_exits_130(groqdesk: Command, practice: Any) -> None:
    url = practice(
        {"faults": [{"reply": {"deltas": ["kept "] * 5}, "after_chunks": 4, "then": "stall", "times": None}]}
    )
    process = groqdesk.start("chat", "--json", "--provider", "groq", "--base-url", url, "hello")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if json.loads(line)["type"] == "text":
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    events = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    assert events[-1]["type"] == "interrupted"
    assert events[-1]["cause"] == "cancelled"
    assert events[-2]["type"] == "usage"
    assert events[-2]["estimated"] is True
    assert process.returncode == 130
    with closing(sqlite3.connect(groqdesk.home / "groqdesk.db")) as database:
        (content, state) = database.execute("select content, state from messages where role = 'assistant'").fetchone()
    assert content.startswith("kept")
    assert state == "interrupted"


def test_a_killed_answer_is_there_as_interrupted_at_the_next_start(groqdesk: Command, practice: Any) -> None:
    url = practice(
        {"faults": [{"reply": {"deltas": ["kept "] * 5}, "after_chunks": 4, "then": "stall", "times": None}]}
    )
    process = groqdesk.start("chat", "--json", "--provider", "groq", "--base-url", url, "a question that must survive")
    database = groqdesk.home / "groqdesk.db"
    content = ""
    for _ in range(400):
        if database.exists():
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                try:
                    rows = connection.execute("select content from messages where role = 'assistant'").fetchall()
                except sqlite3.OperationalError:
                    rows = []
            content = rows[0][0] if rows else ""
        if content:
            break
        os.sched_yield()
        signal.sigtimedwait([], 0.025)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert content.startswith("kept")
    assert groqdesk("usage").code == 0
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("select role, content, state from messages order by position").fetchall()
    assert rows[0] == ("user", "a question that must survive", "done")
    assert rows[1][2] == "interrupted"
    assert rows[1][1].startswith(content)


def test_the_key_of_one_call_is_nowhere_afterwards(groqdesk: Command, practice: Any) -> None:
    canary = "gsk_canary0123456789abcdefcanary"
    groqdesk.environment["GROQDESK_API_KEY"] = canary
    url = practice({"speed": 0, "key": "gsk_another_key"})
    outcome = groqdesk("-v", "chat", "--json", "--provider", "groq", "--base-url", url, "hello")
    assert outcome.events[-1]["kind"] == "invalid_key"
    assert canary not in outcome.out + outcome.err
    for file in groqdesk.home.rglob("*"):
        if file.is_file():
            assert canary.encode() not in file.read_bytes(), file


def test_no_save_keeps_no_conversation_but_counts(groqdesk: Command, practice: Any) -> None:
    assert ask(groqdesk, practice({"speed": 0}), "--no-save", "hello").code == 0
    with closing(sqlite3.connect(groqdesk.home / "groqdesk.db")) as database:
        assert database.execute("select count(*) from messages").fetchone() == (0,)
        assert database.execute("select count(*) from provider_usage").fetchone() == (1,)


def test_a_recorded_call_replays_without_any_server_or_key(groqdesk: Command, practice: Any, tmp_path: Path) -> None:
    cassette = tmp_path / "call.json"
    groqdesk.environment["GROQDESK_API_KEY"] = "gsk_canary0123456789abcdef"
    first = ask(groqdesk, practice({"speed": 0}), "--record", str(cassette), "hello there")
    assert first.code == 0
    assert b"canary" not in cassette.read_bytes()
    nobody = ["--provider", "groq", "--base-url", "http://127.0.0.1:9/openai/v1", "--replay", str(cassette)]
    again = groqdesk("chat", "--json", *nobody, "--replay-speed", "full", "hello there")
    assert (again.code, again.text) == (0, first.text)
    missed = groqdesk("chat", "--json", *nobody, "something else")
    error = check_order(missed)[-1]
    assert (error["kind"], missed.code) == ("local", 5)
    assert "differs in message 1" in error["message"]


@pytest.mark.parametrize("delay_s", [0.15, 0.3, 0.45])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_app_opens_is_one_end_and_no_traceback(
    groqdesk: Command, practice: Any, delay_s: float, how: signal.Signals
) -> None:
    url = practice({"faults": [{"hang": True, "times": None}]})
    process = groqdesk.start("chat", "--json", "--provider", "groq", "--base-url", url, "hello")
    signal.sigtimedwait([], delay_s)
    process.send_signal(how)
    out, err = process.communicate(timeout=20)
    assert "Traceback" not in err or "KeyboardInterrupt" in err  # Ctrl+C while Python itself still starts
    if out:
        ends = [json.loads(line) for line in out.splitlines()]
        assert [event["type"] for event in ends if event["type"] in ENDS] == [ends[-1]["type"]]
        assert process.returncode == 130
