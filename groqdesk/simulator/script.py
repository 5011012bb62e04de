"""What a simulator is told to do differently: limits, speed, keys, retired models and faults. One JSON object.

    {
      "speed": 1.0,             how many times faster than the catalogue says tokens come; 0 = no waiting at all
      "key": "gsk_...",         only this key is accepted (otherwise any but those with "invalid" or "wrong" in them)
      "one_organization": false every key has its own limits; true = all keys share them, as the keys of one account do
      "retired": "model_not_found" | "model_decommissioned",        how retired models are answered
      "models": {"openai/gpt-oss-20b": {
          "rpm": 30, "rpd": 1000, "tpm": 8000, "tpd": 200000, "otpm": null,      null = no such limit
          "tokens_per_s": 1000, "retired": true}},
      "faults": [ FAULT, ... ]
    }

A FAULT says which request it meets and what then goes differently; its parts can be combined.

      "path": "chat/completions"   the path contains this            "model": "openai/gpt-oss-20b"
      "stream": true               only streamed (false: only plain) "nth": 2   from the second matching request on
      "times": 1                   how many requests it meets; null = all

      "delay_s": 0.5               wait before anything is answered
      "hang": true                 never answer
      "reset": true                TCP reset before any header
      "respond": "cloudflare_403" | "captive_portal" | "bad_gateway_502" | "unavailable_503" | "access_denied_403" |
                 "over_capacity_498" | {"status": 429, "json": {...} or "html": "..." or "text": "...",
                                        "headers": {"retry-after": "2", "x-should-retry": "false"}}
      "redirect": "https://elsewhere.example/"
      "first_byte_delay_s": 2      headers at once, the first byte of the body late
      "reply": {"text": "..." or "deltas": ["...", ...], "reasoning": "...", "finish_reason": "length",
                "tool_calls": [{"name": "f", "arguments": {...} or "raw text", "id": "fc_1"}]}
               or {"raw": "data: ...\\n\\n"}   these bytes as the whole stream
      "after_chunks": 3, "then": "reset" | "close" | "eof" | "stall" | "error" | "x_groq_error"
               after so many chunks (plain answers: after half the body): TCP reset; connection closed in the middle of
               a chunked body; clean end without [DONE]; silence (for "stall_s", then on; without it for ever);
               `event: error`; a chunk with `x_groq.error`
      "error": "tool_use_failed" | "server_error" | {...}     for "error" (the inner object)
               | "any text" | {...}                           for "x_groq_error"
      "usage": false               no usage anywhere
      "framing": {"split_bytes": 1, "crlf": true, "comments": true, "bom": true}

`Script.load` refuses anything else with a sentence that names the place.
"""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from groqdesk.simulator.models import SERVED

_THENS = ("reset", "close", "eof", "stall", "error", "x_groq_error")
_LIMITS = ("rpm", "rpd", "tpm", "tpd", "otpm")
_RETIRED = ("model_not_found", "model_decommissioned")
_REPLY = ("text", "deltas", "reasoning", "finish_reason", "tool_calls", "raw")
_RESPOND = ("status", "json", "html", "text", "headers")
_FRAMING = ("split_bytes", "crlf", "comments", "bom")


class ScriptError(ValueError):
    """A script that cannot be followed; the text names the place and what is expected there."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How the bytes of a body are cut and dressed."""

    split_bytes: int | None = None
    crlf: bool = False
    comments: bool = False
    bom: bool = False


@dataclass(frozen=True, slots=True)
class Respond:
    """A fixed answer instead of the real one."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A fixed text, fixed calls or raw bytes in the place of the practice answer."""

    deltas: tuple[str, ...] = ()
    reasoning: str = ""
    finish_reason: str | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()
    raw: bytes | None = None


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong (or is fixed), and how many requests it has already met."""

    path: str = ""
    model: str | None = None
    stream: bool | None = None
    nth: int = 1
    times: int | None = 1
    delay_s: float = 0.0
    hang: bool = False
    reset: bool = False
    respond: Respond | None = None
    first_byte_delay_s: float = 0.0
    reply: Reply | None = None
    after_chunks: int = 0
    then: str | None = None
    stall_s: float | None = None
    error: Any = None
    usage: bool = True
    framing: Framing = Framing()
    seen: int = 0
    fired: int = 0

    def meets(self, path: str, model: str | None, stream: bool) -> bool:
        """Count a request; whether this fault is for it."""
        if self.path not in path or (self.model is not None and self.model != model):
            return False
        if self.stream is not None and self.stream != stream:
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.seen >= self.nth + self.times):
            return False
        self.fired += 1
        return True


@dataclass(frozen=True, slots=True)
class ModelScript:
    """What a script changes about one model: limits by name, pace, whether it is retired."""

    limits: dict[str, int | None] = field(default_factory=dict)
    tokens_per_s: float | None = None
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A checked script. The faults are fresh: they count from zero."""

    speed: float = 1.0
    key: str | None = None
    one_organization: bool = False
    retired: str = "model_not_found"
    models: dict[str, ModelScript] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @classmethod
    def load(cls, source: "Path | str | dict[str, Any] | None") -> "Script":
        """Read a file (a path) or a dict; None is the plain server. Raises `ScriptError`, or OSError of the file."""
        if source is None:
            return cls()
        if isinstance(source, dict):
            return _script(source)
        try:
            data = json.loads(Path(source).read_text(encoding="utf-8-sig"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ScriptError(f"{source}: not a JSON text ({error})") from error
        return _script(data)


_HTML_HEADERS = {"content-type": "text/html; charset=UTF-8"}
_CLOUDFLARE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Attention Required! | Cloudflare</title></head><body>'
    "<h1>Sorry, you have been blocked</h1><p>You are unable to access groq.com</p>"
    "<p>Cloudflare Ray ID: <strong>8bdd43153af209bf</strong></p></body></html>"
)
_PORTAL = (
    "<!DOCTYPE html><html><head><title>Welcome to Hotel Wi-Fi</title></head><body>"
    '<h1>Please sign in to use the Internet</h1><form action="/login"><input name="room"></form></body></html>'
)
_BAD_GATEWAY = (
    "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n"
    "<hr><center>cloudflare</center>\n</body>\n</html>\n"
)
PRESETS: dict[str, dict[str, Any]] = {
    "cloudflare_403": {"status": 403, "html": _CLOUDFLARE},
    "captive_portal": {"status": 200, "html": _PORTAL},
    "bad_gateway_502": {"status": 502, "html": _BAD_GATEWAY},
    "unavailable_503": {
        "status": 503,
        "json": {"error": {"message": "Service Unavailable", "type": "internal_server_error"}},
    },
    "access_denied_403": {
        "status": 403,
        "json": {"error": {"message": "Access denied. Please check your network settings."}},
    },
    "over_capacity_498": {
        "status": 498,
        "json": {"error": {"message": "Flex tier capacity exceeded", "type": "capacity", "code": "capacity_exceeded"}},
    },
}
"""Ready answers for `respond`, by name."""

ERROR_PRESETS: dict[str, dict[str, Any]] = {
    "tool_use_failed": {
        "message": "Tool call validation failed: tool call validation failed: parameters for tool practice_tool did not "
        "match schema: errors: [missing properties: 'name', additionalProperties 'foo' not allowed]",
        "type": "invalid_request_error",
        "code": "tool_use_failed",
        "failed_generation": '{"name": "practice_tool", "arguments": {\n  "foo": "bar"\n}}',
        "status_code": 400,
    },
    "server_error": {
        "message": "Internal Server Error",
        "type": "internal_server_error",
        "code": "internal_server_error",
        "status_code": 500,
    },
}
"""Ready inner objects for `event: error`, by name."""


def _script(data: Any) -> Script:
    _keys(data, "script", ("speed", "key", "one_organization", "retired", "models", "faults"))
    retired = data.get("retired", "model_not_found")
    if retired not in _RETIRED:
        raise ScriptError(f"script.retired: {retired!r} is not one of {', '.join(_RETIRED)}")
    models = data.get("models", {})
    _keys(models, "script.models", tuple(SERVED))
    faults = data.get("faults", [])
    if not isinstance(faults, list):
        raise ScriptError("script.faults: expected a list")
    return Script(
        speed=_number(data, "speed", "script", 1.0),
        key=_text(data, "key", "script"),
        one_organization=_flag(data, "one_organization", "script", False),
        retired=retired,
        models={name: _model(value, f"script.models.{name}") for name, value in models.items()},
        faults=tuple(fault(value, f"script.faults[{index}]") for index, value in enumerate(faults)),
    )


def _model(data: Any, where: str) -> ModelScript:
    _keys(data, where, (*_LIMITS, "tokens_per_s", "retired"))
    limits: dict[str, int | None] = {}
    for name in _LIMITS:
        if name in data:
            limits[name] = None if data[name] is None else _whole(data, name, where, 1)
    pace = _number(data, "tokens_per_s", where, 0.0)
    if "tokens_per_s" in data and pace == 0:
        raise ScriptError(f"{where}.tokens_per_s: expected a number above 0")
    return ModelScript(limits, pace or None, _flag(data, "retired", where, False))


_FAULT_KEYS = (*(f.name for f in fields(Fault) if f.name not in ("seen", "fired")), "redirect")


def fault(data: Any, where: str = "fault") -> Fault:
    """Check one fault; raises `ScriptError`."""
    _keys(data, where, _FAULT_KEYS)
    result = Fault(
        path=_text(data, "path", where) or "",
        model=_text(data, "model", where),
        stream=None if data.get("stream") is None else _flag(data, "stream", where, False),
        nth=_whole(data, "nth", where, 1),
        times=None if "times" in data and data["times"] is None else _whole(data, "times", where, 1),
        delay_s=_number(data, "delay_s", where, 0.0),
        hang=_flag(data, "hang", where, False),
        reset=_flag(data, "reset", where, False),
        first_byte_delay_s=_number(data, "first_byte_delay_s", where, 0.0),
        after_chunks=_whole(data, "after_chunks", where, 0, lowest=0),
        then=_text(data, "then", where),
        stall_s=None if data.get("stall_s") is None else _number(data, "stall_s", where, 0.0),
        usage=_flag(data, "usage", where, True),
    )
    if "respond" in data:
        result.respond = _respond(data["respond"], f"{where}.respond")
    if "redirect" in data:
        location = _text(data, "redirect", where) or ""
        result.respond = Respond(307, b"", (("location", location),))
    if "reply" in data:
        result.reply = _reply(data["reply"], f"{where}.reply")
    if "framing" in data:
        _keys(data["framing"], f"{where}.framing", _FRAMING)
        flags = {name: _flag(data["framing"], name, f"{where}.framing", False) for name in _FRAMING[1:]}
        size = (
            _whole(data["framing"], "split_bytes", f"{where}.framing", 0) if "split_bytes" in data["framing"] else None
        )
        result.framing = Framing(size, **flags)
    if result.then is not None and result.then not in _THENS:
        raise ScriptError(f"{where}.then: {result.then!r} is not one of {', '.join(_THENS)}")
    if "after_chunks" in data and result.then is None:
        raise ScriptError(f"{where}: after_chunks needs then ({', '.join(_THENS)})")
    if "stall_s" in data and result.then != "stall":
        raise ScriptError(f'{where}: stall_s needs "then": "stall"')
    if "error" in data and result.then not in ("error", "x_groq_error"):
        raise ScriptError(f'{where}: error needs "then": "error" or "x_groq_error"')
    result.error = _error(data.get("error"), result.then, f"{where}.error")
    return result


def _error(value: Any, then: str | None, where: str) -> Any:
    if then == "x_groq_error":
        if value is None:
            return "stream stopped early"
        if not isinstance(value, str | dict):
            raise ScriptError(f"{where}: expected a text or an object")
        return value
    if then != "error":
        return None
    if value is None:
        return ERROR_PRESETS["server_error"]
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or value not in ERROR_PRESETS:
        raise ScriptError(f"{where}: expected an object or one of {', '.join(ERROR_PRESETS)}")
    return ERROR_PRESETS[value]


def _respond(data: Any, where: str) -> Respond:
    if isinstance(data, str):
        if data not in PRESETS:
            raise ScriptError(f"{where}: {data!r} is not one of {', '.join(PRESETS)}")
        data = PRESETS[data]
    _keys(data, where, _RESPOND)
    status = _whole(data, "status", where, 200, lowest=200)
    if status > 599:
        raise ScriptError(f"{where}.status: expected 200 to 599")
    if sum(name in data for name in ("json", "html", "text")) > 1:
        raise ScriptError(f"{where}: give only one of json, html, text")
    headers: dict[str, str] = {}
    body = b""
    if "json" in data:
        headers["content-type"] = "application/json"
        body = json.dumps(data["json"], ensure_ascii=False).encode()
    elif "html" in data:
        headers |= _HTML_HEADERS
        body = (_text(data, "html", where) or "").encode()
    elif "text" in data:
        headers["content-type"] = "text/plain; charset=utf-8"
        body = (_text(data, "text", where) or "").encode()
    given = data.get("headers", {})
    if not isinstance(given, dict):
        raise ScriptError(f"{where}.headers: expected an object")
    for name, value in given.items():
        text = str(value)
        if not name.isascii() or not text.isascii() or any(c in text + name for c in "\r\n\0"):
            raise ScriptError(f"{where}.headers.{name}: expected plain ASCII on one line")
        headers[name.lower()] = text
    return Respond(status, body, tuple(headers.items()))


def _reply(data: Any, where: str) -> Reply:
    _keys(data, where, _REPLY)
    if not data:
        raise ScriptError(f"{where}: expected at least one of {', '.join(_REPLY)}")
    if "text" in data and "deltas" in data:
        raise ScriptError(f"{where}: give only one of text, deltas")
    raw = _text(data, "raw", where)
    if raw is not None and len(data) > 1:
        raise ScriptError(f"{where}: raw stands alone")
    deltas = data.get("deltas", [])
    if not isinstance(deltas, list) or not all(isinstance(item, str) for item in deltas):
        raise ScriptError(f"{where}.deltas: expected a list of texts")
    if (text := _text(data, "text", where)) is not None:
        deltas = [text]
    calls = data.get("tool_calls", [])
    if not isinstance(calls, list):
        raise ScriptError(f"{where}.tool_calls: expected a list")
    for index, call in enumerate(calls):
        _keys(call, f"{where}.tool_calls[{index}]", ("name", "arguments", "id"))
        if not isinstance(call.get("name"), str) or not isinstance(call.get("arguments", {}), str | dict):
            raise ScriptError(f"{where}.tool_calls[{index}]: expected name (text) and arguments (object or raw text)")
    return Reply(
        deltas=tuple(deltas),
        reasoning=_text(data, "reasoning", where) or "",
        finish_reason=_text(data, "finish_reason", where),
        tool_calls=tuple(calls),
        raw=None if raw is None else raw.encode(),
    )


def _keys(data: Any, where: str, known: tuple[str, ...]) -> None:
    if not isinstance(data, dict):
        raise ScriptError(f"{where}: expected an object")
    for name in data:
        if name not in known:
            raise ScriptError(f"{where}.{name}: not known here; known are {', '.join(known)}")


def _text(data: dict[str, Any], name: str, where: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise ScriptError(f"{where}.{name}: expected a text")
    return value


def _flag(data: dict[str, Any], name: str, where: str, default: bool) -> bool:
    value = data.get(name, default)
    if not isinstance(value, bool):
        raise ScriptError(f"{where}.{name}: expected true or false")
    return value


def _number(data: dict[str, Any], name: str, where: str, default: float) -> float:
    value = data.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e9:
        raise ScriptError(f"{where}.{name}: expected a number of 0 or more")
    return float(value)


def _whole(data: dict[str, Any], name: str, where: str, default: int, *, lowest: int = 1) -> int:
    value = data.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise ScriptError(f"{where}.{name}: expected a whole number of {lowest} or more")
    return value
