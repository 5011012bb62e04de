"""Every fault over real HTTP, as a client meets it."""

import json
import socket
import struct
from typing import Any

import httpx
import pytest

from groqdesk.simulator.script import ERROR_PRESETS, ScriptError
from groqdesk.simulator.server import Simulator

OSS = "openai/gpt-oss-20b"
CHAT = "/chat/completions"
PLAIN: dict[str, Any] = {"model": OSS, "messages": [{"role": "user", "content": "hi"}]}
STREAM = PLAIN | {"stream": True}


def blocks(text: str) -> list[str]:
    return [block for block in text.split("\n\n") if block]


def read_all(raw: socket.socket, into: bytearray) -> None:
    while part := raw.recv(65536):
        into += part


def partial(
    http: httpx.Client, request: dict[str, Any], timeout: httpx.Timeout | None = None
) -> tuple[bytes, httpx.TransportError | None]:
    """What arrived before the connection broke, and how it broke."""
    received = b""
    try:
        with http.stream("POST", CHAT, json=request, timeout=timeout or 10) as answer:
            for data in answer.iter_raw():
                received += data
    except httpx.TransportError as error:
        return received, error
    return received, None


@pytest.mark.parametrize("value", ["2", "578", None, "Wed, 21 Oct 2026 07:28:00 GMT", "NaN"])
def test_status_body_and_headers_as_written(sim: Simulator, http: httpx.Client, value: str | None) -> None:
    headers = {"x-should-retry": "false"} | ({} if value is None else {"retry-after": value})
    error = {"error": {"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}}
    fault = sim.inject(path="chat", respond={"status": 429, "json": error, "headers": headers})
    assert http.get("/models").status_code == 200
    answer = http.post(CHAT, json=PLAIN)
    assert (answer.status_code, answer.json()) == (429, error)
    assert answer.headers.get("retry-after") == value
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-request-id"].startswith("req_")
    assert http.post(CHAT, json=PLAIN).status_code == 200
    assert fault.fired == 1


@pytest.mark.parametrize(
    ("name", "status", "kind", "mark"),
    [
        ("cloudflare_403", 403, "text/html", "Attention Required! | Cloudflare"),
        ("captive_portal", 200, "text/html", "Please sign in"),
        ("bad_gateway_502", 502, "text/html", "502 Bad Gateway"),
        ("unavailable_503", 503, "application/json", "Service Unavailable"),
        ("access_denied_403", 403, "application/json", "Access denied. Please check your network settings."),
        ("over_capacity_498", 498, "application/json", "capacity_exceeded"),
    ],
)
def test_ready_answers(sim: Simulator, http: httpx.Client, name: str, status: int, kind: str, mark: str) -> None:
    sim.inject(respond=name)
    answer = http.post(CHAT, json=PLAIN)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(kind)
    assert mark in answer.text


def test_redirect_to_another_host(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(redirect="https://elsewhere.invalid/")
    answer = http.post(CHAT, json=PLAIN)
    assert (answer.status_code, answer.headers["location"]) == (307, "https://elsewhere.invalid/")


def test_nth_model_and_stream_choose_the_request(sim: Simulator, http: httpx.Client) -> None:
    sim.reset({"faults": [{"nth": 2, "stream": True, "model": OSS, "respond": {"status": 500, "text": "no"}}]})
    sent = [PLAIN, STREAM, PLAIN | {"model": "allam-2-7b"}, STREAM, STREAM]
    assert [http.post(CHAT, json=request).status_code for request in sent] == [200, 200, 200, 500, 200]


def test_wrong_fault_is_refused(sim: Simulator) -> None:
    with pytest.raises(ScriptError, match=r"fault\.than: not known here"):
        sim.inject(than="reset")


def test_hang_ends_only_with_the_client(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(hang=True)
    with pytest.raises(httpx.ReadTimeout):
        http.post(CHAT, json=PLAIN, timeout=0.2)
    assert sim.wait_until(lambda log: log[0].finished)
    assert (sim.requests[0].status, sim.requests[0].disconnected) == (None, True)


def test_delays_hold_back_headers_or_the_first_byte(sim: Simulator, http: httpx.Client) -> None:
    short = httpx.Timeout(10, read=0.2)
    sim.inject(delay_s=30)
    with pytest.raises(httpx.ReadTimeout):
        http.post(CHAT, json=STREAM, timeout=short)
    assert sim.wait_until(lambda log: log[-1].finished)
    assert sim.requests[-1].status is None
    for request in (STREAM, PLAIN):
        sim.inject(first_byte_delay_s=30)
        with pytest.raises(httpx.ReadTimeout):
            http.post(CHAT, json=request, timeout=short)
        assert sim.wait_until(lambda log: log[-1].finished)
        assert (sim.requests[-1].status, sim.requests[-1].chunks) == (200, 0)
    sim.inject(delay_s=0.01, first_byte_delay_s=0.01)
    assert blocks(http.post(CHAT, json=STREAM).text)[-1] == "data: [DONE]"


def test_reset_before_headers_is_a_tcp_reset(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(reset=True, path="models")
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            raw.recv(100)
    assert http.get("/models").status_code == 200


@pytest.mark.parametrize("request_", [PLAIN, STREAM], ids=["plain", "stream"])
def test_reset_in_the_middle_is_a_tcp_reset(sim: Simulator, request_: dict[str, Any]) -> None:
    sim.inject(after_chunks=3, then="reset")
    data = json.dumps(request_).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: {len(data)}\r\n\r\n"
    received = bytearray()
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.sendall(head.encode() + data)
        with pytest.raises(ConnectionResetError):
            read_all(raw, received)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert received.count(b"data: ") == (3 if request_ is STREAM else 0)


def test_close_in_the_middle_leaves_the_body_without_an_end(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(after_chunks=3, then="close")
    received, error = partial(http, STREAM)
    assert isinstance(error, httpx.RemoteProtocolError)
    assert "incomplete chunked read" in str(error)
    assert len(blocks(received.decode())) == 3
    sim.inject(then="close")
    received, error = partial(http, PLAIN)
    assert isinstance(error, httpx.RemoteProtocolError)
    with pytest.raises(json.JSONDecodeError):
        json.loads(received)


def test_clean_end_without_done(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(after_chunks=4, then="eof")
    found = blocks(http.post(CHAT, json=STREAM).text)
    assert len(found) == 4
    assert 'finish_reason":null' in found[-1]


def test_more_chunks_than_there_are_means_before_done(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(after_chunks=10_000, then="eof")
    found = blocks(http.post(CHAT, json=STREAM).text)
    assert '"finish_reason":"stop"' in found[-1]


def test_stall_is_silence_and_then_the_rest(sim: Simulator, http: httpx.Client) -> None:
    whole = blocks(http.post(CHAT, json=STREAM).text)
    sim.inject(after_chunks=3, then="stall", stall_s=0.01)
    assert len(blocks(http.post(CHAT, json=STREAM).text)) == len(whole)
    sim.inject(after_chunks=3, then="stall")
    received, error = partial(http, STREAM, httpx.Timeout(10, read=0.3))
    assert isinstance(error, httpx.ReadTimeout)
    assert len(blocks(received.decode())) == 3


@pytest.mark.parametrize("name", ["tool_use_failed", "server_error"])
def test_error_event_in_the_middle(sim: Simulator, http: httpx.Client, name: str) -> None:
    sim.inject(after_chunks=2, then="error", error=name)
    answer = http.post(CHAT, json=STREAM)
    assert answer.status_code == 200
    *_, last = blocks(answer.text)
    head, data = last.split("\n")
    assert head == "event: error"
    assert json.loads(data.removeprefix("data: ")) == {"error": ERROR_PRESETS[name]}
    sim.inject(then="error", error=name)
    plain = http.post(CHAT, json=PLAIN)
    assert plain.status_code == ERROR_PRESETS[name]["status_code"]
    assert "status_code" not in plain.json()["error"]


@pytest.mark.parametrize("reason", ["over capacity", {"message": "over capacity", "code": "x"}])
def test_x_groq_error(sim: Simulator, http: httpx.Client, reason: Any) -> None:
    sim.inject(after_chunks=2, then="x_groq_error", error=reason)
    *_, stopped, done = blocks(http.post(CHAT, json=STREAM).text)
    assert done == "data: [DONE]"
    assert json.loads(stopped.removeprefix("data: "))["x_groq"]["error"] == reason
    sim.inject(then="x_groq_error", error=reason)
    assert http.post(CHAT, json=PLAIN).json()["x_groq"]["error"] == reason


def test_usage_can_be_missing(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(usage=False, times=2)
    assert "usage" not in http.post(CHAT, json=PLAIN).json()
    assert '"usage"' not in http.post(CHAT, json=STREAM | {"stream_options": {"include_usage": True}}).text


def test_fixed_replies(sim: Simulator, http: httpx.Client) -> None:
    calls = [{"name": "f", "arguments": {"a": 1}, "id": "fc_1"}, {"name": "g", "arguments": "{not json"}]
    sim.inject(reply={"deltas": ["Grü", "ße 🎉"], "reasoning": "so it is", "finish_reason": "length"}, times=2)
    message = http.post(CHAT, json=PLAIN).json()["choices"][0]
    assert message["message"] == {"role": "assistant", "content": "Grüße 🎉", "reasoning": "so it is"}
    assert message["finish_reason"] == "length"
    chunks = [json.loads(b[6:]) for b in blocks(http.post(CHAT, json=STREAM).text)[:-1]]
    texts = [c["choices"][0]["delta"].get("content") for c in chunks]
    assert [text for text in texts if text] == ["Grü", "ße 🎉"]
    sim.inject(reply={"tool_calls": calls})
    choice = http.post(CHAT, json=PLAIN).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert [call["function"] for call in choice["message"]["tool_calls"]] == [
        {"name": "f", "arguments": '{"a":1}'},
        {"name": "g", "arguments": "{not json"},
    ]
    assert choice["message"]["tool_calls"][0]["id"] == "fc_1"
    raw = 'data: {"choices":[]}\n\n: odd\n\ndata: broken'
    sim.inject(reply={"raw": raw}, times=2)
    assert http.post(CHAT, json=STREAM).text == raw
    assert http.post(CHAT, json=PLAIN).text == raw


def test_framing_changes_bytes_and_not_meaning(sim: Simulator, http: httpx.Client) -> None:
    sim.inject(reply={"text": "Grüße 🎉"}, framing={"split_bytes": 1, "crlf": True, "comments": True, "bom": True})
    sizes = []
    received = b""
    with http.stream("POST", CHAT, json=STREAM) as answer:
        for data in answer.iter_raw():
            sizes.append(len(data))
            received += data
    assert len(sizes) > 50
    assert received.startswith(b"\xef\xbb\xbf: practice comment\r\n\r\ndata: ")
    assert b"\n" not in received.replace(b"\r\n", b"")
    lines = received.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "Grüße 🎉"
    assert lines[-3] == "data: [DONE]"
    sim.inject(framing={"split_bytes": 7})
    assert http.post(CHAT, json=PLAIN).json()["object"] == "chat.completion"


def test_a_client_that_resets_does_no_harm(sim: Simulator, http: httpx.Client) -> None:
    sim.reset(speed=1.0)
    data = json.dumps(STREAM | {"messages": [{"role": "user", "content": "4000 words"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: {len(data)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.sendall(head.encode() + data)
        raw.recv(200)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert sim.wait_until(lambda log: log[0].finished)
    assert sim.requests[0].disconnected
    assert http.get("/models").status_code == 200
