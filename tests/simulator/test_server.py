"""The wire over real HTTP: paths, keys, shapes, streams, limits, life and death of the server."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from groqdesk.simulator.limits import go_duration
from groqdesk.simulator.script import ScriptError
from groqdesk.simulator.server import Simulator

OSS, QWEN, ALLAM = "openai/gpt-oss-20b", "qwen/qwen3.8-27b", "allam-2-7b"
CHAT = "/chat/completions"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def body(question: str = "hi", model: str = OSS, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": question}], **more}


def events(text: str) -> list[Any]:
    lines = [block.removeprefix("data: ") for block in text.split("\n\n") if block]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_models_are_listed_in_the_newest_shape(http: httpx.Client) -> None:
    listed = http.get("/models").json()
    assert listed["object"] == "list"
    by_id = {model["id"]: model for model in listed["data"]}
    assert by_id["openai/gpt-oss-120b"] == {
        "id": "openai/gpt-oss-120b",
        "object": "model",
        "created": 1754408224,
        "owned_by": "OpenAI",
        "active": True,
        "context_window": 131072,
        "public_apps": None,
        "max_completion_tokens": 65536,
        "name": "GPT OSS 120B",
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "supported_features": ["tools", "json_mode", "structured_outputs", "reasoning"],
    }
    assert by_id[QWEN]["input_modalities"] == ["text", "image"]
    assert by_id["whisper-large-v3"]["output_modalities"] == ["transcription"]
    assert not {"llama-3.1-8b-instant", "playai-tts", "groq/compound"} & set(by_id)
    assert http.get("/models/openai/gpt-oss-20b").json() == by_id[OSS]
    assert httpx.get(str(http.base_url).replace("/openai/v1", "/v1") + "models", headers=http.headers).json() == listed


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere"), ("GET", CHAT), ("POST", "/models"), ("POST", "/audio/speech"), ("GET", "/modelsx")],
)
def test_unknown_paths(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "message": f"Unknown request URL: {method} /openai/v1{path}. Please check the URL for typos, or see the "
            "docs at https://console.groq.com/docs/",
            "type": "invalid_request_error",
            "code": "unknown_url",
        }
    }


@pytest.mark.parametrize("key", [None, "", "Bearer", "Bearer gsk_invalid", "Bearer WRONG", "Basic x", "Bearer a b"])
def test_bad_keys(sim: Simulator, key: str | None) -> None:
    headers = {} if key is None else {"authorization": key}
    for answer in (
        httpx.get(sim.base_url + "/models", headers=headers),
        httpx.post(sim.base_url + CHAT, json=body(), headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.json() == {
            "error": {"message": "Invalid API Key", "type": "invalid_request_error", "code": "invalid_api_key"}
        }


def test_one_exact_key_by_script(sim: Simulator, http: httpx.Client) -> None:
    sim.reset({"key": "gsk_right"})
    assert http.get("/models").status_code == 401
    assert http.get("/models", headers={"authorization": "Bearer gsk_right"}).status_code == 200


def test_plain_answer_has_groqs_shape_and_headers(http: httpx.Client) -> None:
    answer = http.post(CHAT, json=body(seed=7))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, max-age=0, no-store, no-cache, must-revalidate"
    data = answer.json()
    assert list(data) == [
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "usage_breakdown",
        "system_fingerprint",
        "x_groq",
        "service_tier",
    ]
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", data["id"])
    assert re.fullmatch(r"fp_[0-9a-f]{10}", data["system_fingerprint"])
    assert re.fullmatch(r"req_01[0-9a-hjkmnp-tv-z]{24}", data["x_groq"]["id"])
    assert data["x_groq"] == {"id": answer.headers["x-request-id"], "seed": 7}
    (choice,) = data["choices"]
    assert list(choice) == ["index", "message", "logprobs", "finish_reason"]
    assert set(choice["message"]) == {"role", "content", "reasoning"}
    usage = data["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["total_time"] == pytest.approx(usage["prompt_time"] + usage["completion_time"])
    assert usage["completion_tokens"] / usage["completion_time"] == pytest.approx(1000)
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]
    assert "prompt_tokens_details" not in usage
    limits = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")}
    assert limits == {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "1m26.4s",
        "x-ratelimit-limit-tokens": "8000",
        "x-ratelimit-remaining-tokens": str(8000 - usage["prompt_tokens"]),
        "x-ratelimit-reset-tokens": go_duration(usage["prompt_tokens"] * 7_500_000 // 1_000_000 * 1_000_000),
    }


def test_stream_has_groqs_events(http: httpx.Client) -> None:
    plain = http.post(CHAT, json=body()).json()
    answer = http.post(CHAT, json=body(stream=True, seed=5, stream_options={"include_usage": True}))
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["transfer-encoding"] == "chunked"
    *chunks, extra, done = events(answer.text)
    assert done == "[DONE]"
    first, *deltas, last = chunks
    assert list(first) == ["id", "object", "created", "model", "system_fingerprint", "choices", "x_groq"]
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    ]
    assert first["x_groq"] == {"id": answer.headers["x-request-id"], "seed": 5}
    parts = [chunk["choices"][0]["delta"] for chunk in deltas]
    reasoning = [part for part in parts if "reasoning" in part]
    content = [part for part in parts if "content" in part]
    assert all(part["channel"] == "analysis" for part in reasoning)
    assert all(list(part) == ["content"] for part in content)
    message = plain["choices"][0]["message"]
    assert "".join(part["reasoning"] for part in reasoning) == message["reasoning"]
    assert "".join(part["content"] for part in content) == message["content"]
    assert last["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert last["usage"] == last["x_groq"]["usage"] == extra["usage"] == plain["usage"]
    assert (extra["choices"], extra["service_tier"]) == ([], "on_demand")


def test_without_include_usage_the_finish_chunk_is_the_last(http: httpx.Client) -> None:
    *_, last, done = events(http.post(CHAT, json=body(stream=True)).text)
    assert done == "[DONE]"
    assert last["usage"] == last["x_groq"]["usage"]
    assert "service_tier" not in last


def test_every_event_is_one_http_chunk(sim: Simulator) -> None:
    request = json.dumps(body(stream=True)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: {len(request)}\r\n"
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.sendall(head.encode() + b"connection: close\r\n\r\n" + request)
        received = b"".join(iter(lambda: raw.recv(65536), b""))
    data = received.split(b"\r\n\r\n", 1)[1]
    chunks = []
    while data:
        size, data = data.split(b"\r\n", 1)
        chunks.append(data[: int(size, 16)])
        data = data[int(size, 16) + 2 :]
    assert chunks.pop() == b""
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in chunks)
    assert chunks[-1] == b"data: [DONE]\n\n"
    assert all(chunk.count(b"\n\n") == 1 for chunk in chunks)


def test_tool_call_comes_whole_and_content_is_absent(http: httpx.Client) -> None:
    asked = body("The weather in Rome?", tools=[TOOL])
    data = http.post(CHAT, json=asked).json()
    message = data["choices"][0]["message"]
    assert "content" not in message
    (call,) = message["tool_calls"]
    assert re.fullmatch(r"fc_[0-9a-f-]{36}", call["id"])
    assert call["function"] == {"name": "get_weather", "arguments": '{"city":"Rome"}'}
    assert data["choices"][0]["finish_reason"] == "tool_calls"
    chunks = events(http.post(CHAT, json=asked | {"stream": True}).text)
    (delta,) = [c["choices"][0]["delta"] for c in chunks[:-1] if "tool_calls" in c["choices"][0]["delta"]]
    (streamed,) = delta["tool_calls"]
    assert streamed["index"] == 0
    assert streamed["function"] == call["function"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_qwen_call_ids_have_nine_characters(http: httpx.Client) -> None:
    data = http.post(CHAT, json=body("The weather in Rome?", QWEN, tools=[TOOL])).json()
    assert re.fullmatch(r"[0-9a-z]{9}", data["choices"][0]["message"]["tool_calls"][0]["id"])


def test_reasoning_places(http: httpx.Client) -> None:
    def message(**more: Any) -> dict[str, Any]:
        data = http.post(CHAT, json=body(model=QWEN, **more)).json()
        assert data["usage"].get("completion_tokens_details", {}).get("reasoning_tokens", 0) > 0
        found: dict[str, Any] = data["choices"][0]["message"]
        return found

    assert message()["content"].startswith("<think>\n")
    assert "\n</think>\n\nHello!" in message()["content"]
    assert message(reasoning_format="parsed")["content"].startswith("Hello!")
    assert "reasoning" in message(reasoning_format="parsed")
    assert set(message(reasoning_format="hidden")) == {"role", "content"}
    off = http.post(CHAT, json=body(model=QWEN, reasoning_effort="none")).json()
    assert "completion_tokens_details" not in off["usage"]
    assert "<think>" not in off["choices"][0]["message"]["content"]
    stream = events(http.post(CHAT, json=body(include_reasoning=False, stream=True)).text)
    assert not any("reasoning" in c["choices"][0]["delta"] for c in stream[:-1])
    assert stream[-2]["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


def test_a_budget_of_one_token_is_billed_and_shows_nothing(http: httpx.Client) -> None:
    chunks = events(http.post(CHAT, json=body(max_completion_tokens=1, stream=True)).text)
    assert len(chunks) == 3
    assert chunks[0]["choices"][0]["delta"]["content"] == ""
    assert chunks[1]["choices"][0]["finish_reason"] == "length"
    assert chunks[1]["usage"]["completion_tokens"] == 1
    assert "completion_tokens_details" not in chunks[1]["usage"]


@pytest.mark.parametrize("most", [2, 10, 60, 100])
def test_maximum_ends_the_answer(http: httpx.Client, most: int) -> None:
    data = http.post(CHAT, json=body(max_completion_tokens=most)).json()
    assert data["choices"][0]["finish_reason"] == "length"
    assert data["usage"]["completion_tokens"] == most


def test_stop_sequences_end_the_answer(http: httpx.Client) -> None:
    data = http.post(CHAT, json=body(model=ALLAM, stop=["**A table**", "practice"])).json()
    assert data["choices"][0]["message"]["content"] == "Hello! I am the **"
    assert data["choices"][0]["finish_reason"] == "stop"


def test_json_answers(http: httpx.Client) -> None:
    wanted = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["city", "count"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": wanted}}
    data = http.post(CHAT, json=body("The 3 best things in Rome?", response_format=form)).json()
    assert json.loads(data["choices"][0]["message"]["content"]) == {"city": "Rome", "count": 3}
    data = http.post(CHAT, json=body("json please", response_format={"type": "json_object"})).json()
    assert json.loads(data["choices"][0]["message"]["content"])["practice_server"] is True
    cut = http.post(CHAT, json=body("json", response_format={"type": "json_object"}, max_tokens=3))
    assert cut.status_code == 400
    assert cut.json()["error"]["code"] == "json_validate_failed"
    assert "failed_generation" in cut.json()["error"]


def test_repeated_prefix_is_cached_on_gpt_oss_only(sim: Simulator, http: httpx.Client) -> None:
    sim.reset({"models": {name: {"tpm": None} for name in (OSS, QWEN)}})
    system = {"role": "system", "content": "Rules. " * 400}
    for model, cached in ((OSS, True), (QWEN, False)):
        asked = {"model": model, "messages": [system, {"role": "user", "content": "one"}]}
        assert "prompt_tokens_details" not in http.post(CHAT, json=asked).json()["usage"]
        asked["messages"][1] = {"role": "user", "content": "two"}
        usage = http.post(CHAT, json=asked).json()["usage"]
        tokens = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        assert (tokens > 0) == cached
        assert tokens % 128 == 0
        assert tokens <= usage["prompt_tokens"]


def test_refused_fields_come_with_limit_headers(http: httpx.Client) -> None:
    answer = http.post(CHAT, json=body(store=True))
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {"message": "property 'store' is unsupported, did you mean 'stop'?", "type": "invalid_request_error"}
    }
    assert answer.headers["x-ratelimit-limit-tokens"] == "8000"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"messages":[]}'])
def test_what_is_no_request_is_refused(http: httpx.Client, data: bytes) -> None:
    answer = http.post(CHAT, content=data, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_retired_models(sim: Simulator, http: httpx.Client) -> None:
    answer = http.post(CHAT, json=body(model="llama-3.3-70b-versatile"))
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "message": "The model `llama-3.3-70b-versatile` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "code": "model_not_found",
        }
    }
    sim.reset({"retired": "model_decommissioned", "models": {OSS: {"retired": True}}})
    for model in (OSS, "llama-3.3-70b-versatile"):
        answer = http.post(CHAT, json=body(model=model))
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "model_decommissioned"
    assert http.post(CHAT, json=body(model="never-was")).status_code == 404
    assert OSS not in [model["id"] for model in http.get("/models").json()["data"]]
    assert http.get(f"/models/{OSS}").status_code == 404


def test_limits_refuse_and_refill(sim: Simulator, http: httpx.Client) -> None:
    sim.reset({"models": {OSS: {"tpm": 400}}}, time_scale=1000)
    too_large = http.post(CHAT, json=body(max_tokens=500))
    assert too_large.status_code == 413
    assert too_large.json()["error"]["code"] == "rate_limit_exceeded"
    assert "retry-after" not in too_large.headers
    statuses = set()
    for _ in range(200):
        answer = http.post(CHAT, json=body("300 tokens"))
        statuses.add(answer.status_code)
        if answer.status_code == 429:
            assert re.search(r"\(TPM\): Limit 400, Used \d+, Requested \d+\. Please try", answer.text)
            assert answer.headers["retry-after"] == "1"
            found = re.search(r"Requested (\d+)", answer.text)
            assert found is not None
            assert int(answer.headers["x-ratelimit-remaining-tokens"]) <= int(found[1])
        if statuses == {200, 429} and answer.status_code == 200:
            break
    assert statuses == {200, 429}


def test_keys_have_their_own_limits_unless_they_share_an_organization(sim: Simulator, http: httpx.Client) -> None:
    limits = {"models": {OSS: {"rpm": 1}}}
    for shared, second in ((False, 200), (True, 429)):
        sim.reset(limits | {"one_organization": shared})
        assert http.post(CHAT, json=body()).status_code == 200
        assert http.post(CHAT, json=body()).status_code == 429
        other = http.post(CHAT, json=body(), headers={"authorization": "Bearer gsk_other"})
        assert other.status_code == second


def test_log_shows_what_arrived_and_no_key(sim: Simulator, http: httpx.Client) -> None:
    http.post(CHAT, json=body(), params={"a": "1"}, headers={"x-mine": "yes"})
    (record,) = sim.requests
    assert (record.method, record.path, record.query) == ("POST", "/openai/v1/chat/completions", "a=1")
    assert record.body == body()
    assert record.headers["x-mine"] == "yes"
    assert record.headers["authorization"] == "Bearer (redacted)"
    assert sim.wait_until(lambda log: log[0].finished)
    assert (record.status, record.disconnected) == (200, False)
    assert "gsk_practice" not in repr(record)


def test_log_shows_a_client_that_left(sim: Simulator, http: httpx.Client) -> None:
    sim.reset(speed=1.0)
    with http.stream("POST", CHAT, json=body("3000 words", stream=True)) as answer:
        next(answer.iter_lines())
    assert sim.wait_until(lambda log: log[0].finished)
    assert sim.requests[0].disconnected
    assert sim.requests[0].chunks < 3000


def test_reset_forgets_everything_and_breaks_what_is_under_way(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(hang=True)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            httpx.get(sim.base_url + "/models", headers=http.headers, timeout=60)
        except httpx.TransportError as error:
            failed.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    assert sim.wait_until(lambda log: len(log) == 1)
    sim.inject(respond="unavailable_503", times=None)
    sim.reset()
    waiting.join(20)
    assert len(failed) == 1
    assert sim.requests == ()
    assert http.get("/models").status_code == 200


def test_pace_follows_the_script(sim: Simulator, http: httpx.Client) -> None:
    sim.reset({"speed": 50, "models": {OSS: {"tokens_per_s": 2000}}}, speed=50.0)
    usage = http.post(CHAT, json=body()).json()["usage"]
    assert usage["completion_tokens"] / usage["completion_time"] == pytest.approx(100_000)


def test_parallel_streams_are_served_side_by_side(sim: Simulator) -> None:
    sim.reset({"speed": 1, "models": {OSS: {"tokens_per_s": 100}}}, speed=1.0)
    finished: list[str] = []

    def ask(name: str, question: str) -> None:
        httpx.post(sim.base_url + CHAT, json=body(question, stream=True), headers={"authorization": "Bearer k"})
        finished.append(name)

    slow = threading.Thread(target=ask, args=("slow", "150 tokens"))
    slow.start()
    assert sim.wait_until(lambda log: len(log) == 1)
    ask("quick", "5 tokens")
    slow.join(30)
    assert finished == ["quick", "slow"]


def test_garbage_and_websockets_make_no_noise(sim: Simulator, http: httpx.Client) -> None:
    upgrade = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    for data, status in ((b"\x16\x03\x01 no http\r\n\r\n", b"400"), (upgrade, b"401")):
        with socket.create_connection(("127.0.0.1", sim.port)) as raw:
            raw.sendall(data)
            assert raw.recv(100).split()[1] == status
    assert http.get("/models").status_code == 200


def test_too_large_a_body_is_413(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groqdesk.simulator.exchange.MAX_BODY_BYTES", 1000)
    answer = http.post(CHAT, json=body("x" * 1000))
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"


def test_taken_port_is_an_os_error(sim: Simulator) -> None:
    with pytest.raises(OSError, match="in use"):
        Simulator(sim.port).start()


def test_bad_arguments() -> None:
    with pytest.raises(ScriptError):
        Simulator(script={"x": 1})
    with pytest.raises(ValueError, match="time_scale"):
        Simulator(time_scale=0)


def test_it_listens_on_loopback_only_and_stops_with_streams_open() -> None:
    simulator = Simulator().start()
    with pytest.raises(RuntimeError, match="already running"):
        simulator.start()
    assert simulator.base_url == f"http://127.0.0.1:{simulator.port}/openai/v1"
    headers = {"authorization": "Bearer k"}
    with (
        httpx.Client(headers=headers) as client,
        client.stream("POST", simulator.base_url + CHAT, json=body("5000 words", stream=True)) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        simulator.stop()
        simulator.stop()
        with pytest.raises(httpx.TransportError):
            list(lines)
    with pytest.raises(httpx.ConnectError):
        httpx.get(simulator.base_url + "/models")
    with simulator:
        assert httpx.get(simulator.base_url + "/models", headers=headers).status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_prints_the_url_and_ends_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"key": "gsk_mine"}', encoding="utf-8")
    code = f"from groqdesk.simulator.server import run; run(0, {str(script)!r}, 2.0)"
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": ""},
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/openai/v1", url)
        assert httpx.get(url + "/models", headers={"authorization": "Bearer gsk_mine"}).status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
