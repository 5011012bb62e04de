"""Scripts are checked, and what is wrong is named with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from groqdesk.simulator.script import ERROR_PRESETS, PRESETS, Framing, Script, ScriptError, fault


def test_no_script_is_the_plain_server() -> None:
    assert Script.load(None) == Script()


def test_file_and_dict_give_the_same_script(tmp_path: Path) -> None:
    data = {
        "speed": 4,
        "key": "gsk_1",
        "retired": "model_decommissioned",
        "models": {"openai/gpt-oss-20b": {"tpm": 100, "rpm": None, "tokens_per_s": 50, "retired": True}},
        "faults": [{"nth": 2, "respond": {"status": 429, "json": {}, "headers": {"Retry-After": 2}}}],
    }
    path = tmp_path / "script.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    script = Script.load(path)
    assert script == Script.load(data)
    assert script.models["openai/gpt-oss-20b"].limits == {"tpm": 100, "rpm": None}
    assert script.faults[0].respond is not None
    assert ("retry-after", "2") in script.faults[0].respond.headers


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "script: expected an object"),
        ({"sped": 1}, "script.sped: not known here; known are speed, key"),
        ({"speed": -1}, "script.speed: expected a number of 0 or more"),
        ({"speed": True}, "script.speed: expected a number"),
        ({"key": 5}, "script.key: expected a text"),
        ({"retired": "gone"}, "script.retired: 'gone' is not one of model_not_found, model_decommissioned"),
        ({"models": {"gpt-oss": {}}}, "script.models.gpt-oss: not known here"),
        ({"models": {"allam-2-7b": {"tpm": 0}}}, "script.models.allam-2-7b.tpm: expected a whole number of 1 or more"),
        ({"models": {"allam-2-7b": {"tokens_per_s": 0}}}, "tokens_per_s: expected a number above 0"),
        ({"faults": {}}, "script.faults: expected a list"),
        ({"faults": [{}, {"kind": "x"}]}, "script.faults[1].kind: not known here"),
        ({"faults": [{"nth": 0}]}, "script.faults[0].nth: expected a whole number of 1 or more"),
        ({"faults": [{"then": "explode"}]}, "script.faults[0].then: 'explode' is not one of reset, close"),
        ({"faults": [{"after_chunks": 3}]}, "script.faults[0]: after_chunks needs then"),
        ({"faults": [{"stall_s": 3, "then": "eof"}]}, 'stall_s needs "then": "stall"'),
        ({"faults": [{"error": "server_error"}]}, "error needs"),
        (
            {"faults": [{"then": "error", "error": "oops"}]},
            "expected an object or one of tool_use_failed, server_error",
        ),
        ({"faults": [{"then": "x_groq_error", "error": 3}]}, "error: expected a text or an object"),
        ({"faults": [{"respond": "teapot"}]}, "respond: 'teapot' is not one of cloudflare_403"),
        ({"faults": [{"respond": {"status": 99}}]}, "status: expected a whole number of 200 or more"),
        ({"faults": [{"respond": {"status": 600}}]}, "status: expected 200 to 599"),
        ({"faults": [{"respond": {"json": {}, "text": ""}}]}, "give only one of json, html, text"),
        ({"faults": [{"respond": {"headers": {"a": "1\r\nb: 2"}}}]}, "headers.a: expected plain ASCII on one line"),
        ({"faults": [{"reply": {}}]}, "reply: expected at least one of text"),
        ({"faults": [{"reply": {"text": "", "deltas": []}}]}, "reply: give only one of text, deltas"),
        ({"faults": [{"reply": {"raw": "", "text": ""}}]}, "reply: raw stands alone"),
        ({"faults": [{"reply": {"deltas": "ab"}}]}, "reply.deltas: expected a list of texts"),
        ({"faults": [{"reply": {"tool_calls": [{"arguments": {}}]}}]}, "tool_calls[0]: expected name"),
        ({"faults": [{"framing": {"split_bytes": 0}}]}, "framing.split_bytes: expected a whole number of 1 or more"),
    ],
)
def test_what_is_wrong_is_named(data: Any, message: str) -> None:
    with pytest.raises(ScriptError) as refused:
        Script.load(data) if isinstance(data, dict) else Script.load({"models": data})
    assert message.replace("script: ", "") in str(refused.value)


def test_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ScriptError, match=r"script\.json: not a JSON text"):
        Script.load(path)
    with pytest.raises(FileNotFoundError):
        Script.load(tmp_path / "none.json")


def test_faults_count_only_requests_that_match() -> None:
    second = fault({"path": "chat", "model": "m", "stream": True, "nth": 2, "times": 2})
    requests = [("chat", "m", True), ("models", None, False), ("chat", "n", True), ("chat", "m", False)]
    assert [second.meets(*request) for request in requests] == [False] * 4
    assert [second.meets("chat", "m", True) for _ in range(4)] == [True, True, False, False]
    assert (second.seen, second.fired) == (5, 2)


def test_a_fault_without_end_meets_everything_from_its_turn_on() -> None:
    endless = fault({"nth": 2, "times": None})
    assert [endless.meets("x", None, False) for _ in range(4)] == [False, True, True, True]


def test_framing_and_presets() -> None:
    assert fault({"framing": {"split_bytes": 3, "crlf": True}}).framing == Framing(split_bytes=3, crlf=True)
    for name in PRESETS:
        assert fault({"respond": name}).respond is not None
    for name, error in ERROR_PRESETS.items():
        assert fault({"then": "error", "error": name}).error == error
    redirect = fault({"redirect": "https://elsewhere.example/"}).respond
    assert redirect is not None
    assert (redirect.status, redirect.headers) == (307, (("location", "https://elsewhere.example/"),))
