"""Checks a chat request as strictly as Groq does, with Groq's own sentences.

Groq refuses every field it does not know, at the top and inside messages, and names the nearest field it does know.
Sentences that nobody has recorded (ranges, sizes) follow the form of the recorded ones.
"""

import re
from dataclasses import dataclass
from typing import Any

from groqdesk.simulator import tokens, wire
from groqdesk.simulator.models import ServedModel

_TOP_LEVEL_WORDS = """
    messages model disable_tool_validation frequency_penalty include_reasoning logit_bias logprobs
    top_logprobs max_tokens max_completion_tokens n presence_penalty response_format seed service_tier
    stop reasoning_effort reasoning_format stream stream_options temperature top_p tools tool_choice
    parallel_tool_calls user function_call functions include_domains exclude_domains search_settings
    compound_custom documents citation_options
"""
_TOP_LEVEL = frozenset(_TOP_LEVEL_WORDS.split())
_MESSAGE_FIELDS = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset({"role", "content", "name", "reasoning", "tool_calls", "function_call"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
    "function": frozenset({"role", "content", "name"}),
}
_NUMBERS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_BOOLEANS = ("stream", "parallel_tool_calls", "include_reasoning", "disable_tool_validation")
_TIERS = ("auto", "on_demand", "flex", "performance")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_JSON_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_JSON_TYPE_WORDS = ", ".join(f'"{kind}"' for kind in _JSON_TYPES)
_BUILT_IN_TOOLS = ("browser_search", "code_interpreter")


class BadRequest(Exception):
    """A request that Groq would answer with 400; `error` is the inner error object."""

    def __init__(self, message: str, code: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.error = wire.error(message, code=code, **more)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request that passed, with the defaults filled in."""

    model: ServedModel
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    tool_choice: str
    """`none`, `auto`, `required` or `=NAME` for one function."""
    stream: bool
    include_usage: bool
    max_tokens: int | None
    stop: tuple[str, ...]
    seed: int | None
    effort: str | None
    reasoning_place: str
    """`parsed`, `raw` or `hidden`."""
    response_format: str
    schema: Any
    parallel: bool
    service_tier: str
    prompt_tokens: int


def check(body: dict[str, Any], model: ServedModel) -> ChatRequest:
    """Turn a body into a `ChatRequest`, or raise `BadRequest`."""
    _unknown_fields(body)
    if not model.chats:
        raise BadRequest(f"The model `{model.id}` does not support chat completions")
    _plain_values(body, model)
    messages = _messages(body, model)
    tools = _tools(body, model)
    choice = _tool_choice(body, tools)
    form, schema = _response_format(body, model, messages, tools)
    effort, place = _reasoning(body, model, structured=bool(tools) or form != "text")
    prompt_tokens = tokens.count_prompt(messages, tools)
    max_tokens = _max_tokens(body, model, prompt_tokens)
    options = body.get("stream_options") or {}
    stop = body.get("stop")
    return ChatRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        stream=bool(body.get("stream")),
        include_usage=bool(options.get("include_usage")),
        max_tokens=max_tokens,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        seed=body.get("seed"),
        effort=effort,
        reasoning_place=place,
        response_format=form,
        schema=schema,
        parallel=model.parallel_tools and body.get("parallel_tool_calls") is not False,
        service_tier="on_demand" if body.get("service_tier") in (None, "auto") else body["service_tier"],
        prompt_tokens=prompt_tokens,
    )


def nearest(name: str, known: frozenset[str]) -> str | None:
    """The known field that a wrong one was probably meant to be, by edit distance."""
    best = min(sorted(known), key=lambda other: _distance(name, other))
    distance = _distance(name, best)
    return best if distance <= 2 and distance * 2 < len(name) else None


def _distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def _unsupported(name: str, known: frozenset[str]) -> str:
    guess = nearest(name, known)
    return f"property '{name}' is unsupported" + (f", did you mean '{guess}'?" if guess else "")


def _unknown_fields(body: dict[str, Any]) -> None:
    for name in body:
        if name not in _TOP_LEVEL:
            raise BadRequest(_unsupported(name, _TOP_LEVEL))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _plain_values(body: dict[str, Any], model: ServedModel) -> None:
    for name, (low, high) in _NUMBERS.items():
        value = body.get(name)
        if value is None:
            continue
        if not _is_number(value):
            raise BadRequest(f"'{name}' : value must be a number")
        if not value >= low:
            raise BadRequest(f"'{name}' : number must be greater than or equal to {low}")
        if not value <= high:
            raise BadRequest(f"'{name}' : number must be less than or equal to {high}")
    for name in _BOOLEANS:
        if body.get(name) is not None and not isinstance(body[name], bool):
            raise BadRequest(f"'{name}' : value must be a boolean")
    for name in ("n", "seed", "max_tokens", "max_completion_tokens"):
        if body.get(name) is not None and not _is_int(body[name]):
            raise BadRequest(f"'{name}' : value must be an integer")
    if body.get("n") not in (None, 1):
        raise BadRequest(f"'n' : number must be {'at most' if body['n'] > 1 else 'at least'} 1")
    for name in ("logprobs", "top_logprobs", "logit_bias"):
        if body.get(name) not in (None, False) and body[name] != {}:
            raise BadRequest(f"`{name}` is not supported with this model", param=name)
    stop = body.get("stop")
    if stop is not None and not isinstance(stop, str):
        if not isinstance(stop, list) or not all(isinstance(item, str) for item in stop):
            raise BadRequest("'stop' : value must be a string or an array of strings")
        if len(stop) > 4:
            raise BadRequest("'stop' : maximum number of items is 4")
    if (tier := body.get("service_tier")) is not None and tier not in _TIERS:
        raise BadRequest(f"'service_tier' : value must be one of [{' '.join(_TIERS)}]")
    options = body.get("stream_options")
    if options is not None:
        if not isinstance(options, dict):
            raise BadRequest("'stream_options' : value must be an object")
        for name in options:
            if name != "include_usage":
                raise BadRequest(f"'stream_options' : {_unsupported(name, frozenset({'include_usage'}))}")
    if body.get("user") is not None and not isinstance(body["user"], str):
        raise BadRequest("'user' : value must be a string")
    if body.get("functions") and not model.tools:
        raise BadRequest("`tool calling` is not supported with this model")


def _messages(body: dict[str, Any], model: ServedModel) -> list[dict[str, Any]]:
    if "messages" not in body:
        raise BadRequest("property 'messages' is missing")
    messages = body["messages"]
    if not isinstance(messages, list):
        raise BadRequest("'messages' : value must be an array")
    if not messages:
        raise BadRequest("'messages' : minimum number of items is 1")
    for index, message in enumerate(messages):
        _message(f"messages.{index}", message, model)
    return messages


def _message(where: str, message: Any, model: ServedModel) -> None:
    if not isinstance(message, dict):
        raise BadRequest(f"'{where}' : value must be an object")
    role = message.get("role")
    if "role" not in message:
        raise BadRequest(f"'{where}' : discriminator property 'role' is missing", param=where)
    if role not in _MESSAGE_FIELDS:
        raise BadRequest(f"'{where}' : discriminator property 'role' has invalid value", param=where)

    def refuse(place: str, what: str) -> BadRequest:
        return BadRequest(f"'{where}' : for 'role:{role}' the following must be satisfied[('{place}' : {what})]")

    known = _MESSAGE_FIELDS[role]
    for name in message:
        if name not in known or (name == "reasoning" and not model.efforts):
            raise refuse(where, _unsupported(name, known - {"reasoning"}))
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise refuse(where, "property 'tool_call_id' is missing")
    content = message.get("content")
    if content is None:
        if role != "assistant" and role != "function":
            raise refuse(where, "property 'content' is missing")
        if role == "assistant" and not message.get("tool_calls") and not message.get("function_call"):
            raise refuse(where, "property 'content' is missing")
    elif isinstance(content, list):
        _parts(where, role, content, model)
    elif not isinstance(content, str):
        raise refuse(f"{where}.content", "value must be a string")
    for number, call in enumerate(message.get("tool_calls") or []):
        place = f"{where}.tool_calls.{number}"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(call.get("id"), str) or call.get("type") != "function":
            raise refuse(place, "value must be a function tool call with 'id', 'type' and 'function'")
        if not isinstance(function.get("name"), str) or not isinstance(function.get("arguments"), str):
            raise refuse(f"{place}.function", "'name' and 'arguments' must be strings")


def _parts(where: str, role: str, parts: list[Any], model: ServedModel) -> None:
    if not parts:
        raise BadRequest(f"'{where}.content' : minimum number of items is 1")
    for number, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            continue
        if kind == "image_url" and role in ("user", "tool"):
            if "image" not in model.input_modalities:
                raise BadRequest(f"{where.replace('.', '[')}].content must be a string", param="messages")
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else None
            if not isinstance(url, str) or not url.startswith(("https://", "http://", "data:image/")):
                raise BadRequest("invalid image URL, must be an http(s) URL or a base64 data URL", param="messages")
            continue
        if kind == "document" and role == "user":
            continue
        raise BadRequest(f"'{where}.content.{number}' : discriminator property 'type' has invalid value")


def _tools(body: dict[str, Any], model: ServedModel) -> list[dict[str, Any]]:
    tools = body.get("tools")
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise BadRequest("'tools' : value must be an array")
    if len(tools) > 128:
        raise BadRequest("'tools' : maximum number of items is 128")
    if tools and not model.tools:
        raise BadRequest("`tool calling` is not supported with this model")
    for index, tool in enumerate(tools):
        where = f"tools.{index}"
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind in _BUILT_IN_TOOLS and model.channel:
            continue
        if kind != "function" or not isinstance(tool.get("function"), dict):
            raise BadRequest(f"'{where}' : value must be a function tool")
        function = tool["function"]
        name = function.get("name")
        if not isinstance(name, str) or not _NAME.match(name):
            raise BadRequest(f"'{where}.function.name' : string must match the pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if (parameters := function.get("parameters")) is not None:
            if not isinstance(parameters, dict):
                raise BadRequest(f"'{where}.function.parameters' : value must be an object")
            if (fault := _bad_type(parameters, "")) is not None:
                raise BadRequest(
                    f"invalid JSON schema for tool {name}, tools[{index}].function.parameters: `{fault}`: "
                    f"value must be one of {_JSON_TYPE_WORDS}"
                )
    return tools


def _bad_type(schema: Any, path: str) -> str | None:
    """The path of the first `type` in a schema that JSON Schema does not know."""
    if isinstance(schema, bool) and path:
        return None
    if not isinstance(schema, dict):
        return path or "/"
    kind = schema.get("type")
    if kind is not None and not all(k in _JSON_TYPES for k in (kind if isinstance(kind, list) else [kind])):
        return f"{path}/type"
    children: list[tuple[str, Any]] = []
    for name in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(name), dict):
            children += [(f"{path}/{name}/{key}", child) for key, child in schema[name].items()]
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if isinstance(schema.get(name), list):
            children += [(f"{path}/{name}/{index}", child) for index, child in enumerate(schema[name])]
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            children.append((f"{path}/{name}", schema[name]))
    return next((fault for where, child in children if (fault := _bad_type(child, where))), None)


def _tool_choice(body: dict[str, Any], tools: list[dict[str, Any]]) -> str:
    choice = body.get("tool_choice")
    if choice is None:
        return "auto" if tools else "none"
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            raise BadRequest("'tool_choice' : value must be one of [none auto required] or an object")
        if choice == "required" and not tools:
            raise BadRequest("tool_choice `required` is only allowed when tools are specified", param="tool_choice")
        return choice if tools else "none"
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(choice, dict) or choice.get("type") != "function" or not isinstance(name, str):
        raise BadRequest("'tool_choice' : object must have 'type' \"function\" and 'function' with a 'name'")
    if name not in [tool["function"]["name"] for tool in tools if tool.get("type") == "function"]:
        raise BadRequest(f"tool_choice function `{name}` is not in request.tools", param="tool_choice")
    return f"={name}"


def _response_format(
    body: dict[str, Any], model: ServedModel, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> tuple[str, Any]:
    form = body.get("response_format")
    if form is None:
        return "text", None
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "text":
        return "text", None
    if kind not in ("json_object", "json_schema"):
        raise BadRequest("'response_format' : discriminator property 'type' has invalid value", param="response_format")
    if tools:
        raise BadRequest("json mode cannot be combined with tool/function calling", param="response_format")
    if "json_mode" not in model.features:
        raise BadRequest(f"response_format `{kind}` is not supported with this model", param="response_format")
    if kind == "json_object":
        if not any("json" in tokens.text_of(message.get("content")).lower() for message in messages):
            raise BadRequest(
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
        return "json_object", None
    if not model.structured:
        raise BadRequest(
            "This model does not support response format `json_schema`. See supported models at "
            "https://console.groq.com/docs/structured-outputs#supported-models",
            param="response_format",
        )
    if body.get("stream"):
        raise BadRequest("`response_format` does not support streaming", param="response_format")
    return "json_schema", _schema(form.get("json_schema"))


def _schema(described: Any) -> Any:
    name = described.get("name") if isinstance(described, dict) else None
    if not isinstance(name, str) or not _NAME.match(name):
        raise BadRequest("'response_format.json_schema.name' : string must match the pattern '^[a-zA-Z0-9_-]{1,64}$'")
    schema = described.get("schema", {})
    if not isinstance(schema, dict):
        raise BadRequest("'response_format.json_schema.schema' : value must be an object")
    _supported(schema, "response_format/json_schema", name, strict=described.get("strict") is True)
    return schema


def _supported(schema: Any, path: str, name: str, *, strict: bool) -> None:
    if not isinstance(schema, dict):
        return
    for keyword in ("minItems", "maxItems"):
        if keyword in schema:
            raise BadRequest(f"invalid schema for response format: {path}: {keyword} is not supported")
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    if strict and (schema.get("type") == "object" or properties):
        head = f"invalid JSON schema for response_format: '{name}': {path}"
        if schema.get("additionalProperties") is not False:
            raise BadRequest(f"{head}: `additionalProperties:false` must be set on every object")
        if missing := [key for key in properties if key not in (schema.get("required") or [])]:
            raise BadRequest(f"{head}: `required` must list every key of properties. Missing: {', '.join(missing)}")
    for key, child in properties.items():
        _supported(child, f"{path}/{key}", name, strict=strict)
    for key in ("$defs", "definitions"):
        for inner, child in (schema.get(key) or {}).items():
            _supported(child, f"{path}/{key}/{inner}", name, strict=strict)
    for key in ("anyOf", "oneOf", "allOf"):
        for child in schema.get(key) or []:
            _supported(child, path, name, strict=strict)
    _supported(schema.get("items"), f"{path}/items", name, strict=strict)


def _reasoning(body: dict[str, Any], model: ServedModel, *, structured: bool) -> tuple[str | None, str]:
    effort, form, include = (body.get(k) for k in ("reasoning_effort", "reasoning_format", "include_reasoning"))
    if effort is not None:
        if not model.efforts:
            raise BadRequest("`reasoning_effort` is not supported with this model", param="reasoning_effort")
        if effort not in model.efforts:
            words = [f"`{word}`" for word in model.efforts]
            raise BadRequest(f"`reasoning_effort` must be one of {', '.join(words[:-1])}, or {words[-1]}")
    if form is not None:
        if include is not None:
            raise BadRequest("cannot specify both `reasoning_format` and `include_reasoning`")
        if not model.efforts:
            raise BadRequest("`reasoning_format` is not supported with this model", param="reasoning_format")
        if form not in ("hidden", "raw", "parsed"):
            raise BadRequest("'reasoning_format' : value must be one of [hidden raw parsed]")
        if form == "raw" and structured:
            raise BadRequest("`reasoning_format` must be `hidden` or `parsed` when using JSON mode or tool calling")
    if include is False:
        return effort, "hidden"
    if form == "hidden":
        return effort, "hidden"
    if model.channel or structured or form == "parsed" or include:
        return effort, "parsed"
    return effort, "raw"


def _max_tokens(body: dict[str, Any], model: ServedModel, prompt_tokens: int) -> int | None:
    name = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    value: int | None = body.get(name)
    if value is not None:
        if value < 1:
            raise BadRequest(f"'{name}' : number must be at least 1")
        if value > model.max_completion_tokens:
            raise BadRequest(
                f"`{name}` must be less than or equal to `{model.max_completion_tokens}`, the maximum value for "
                f"`{name}` is less than the `context_window` for this model",
                param=name,
            )
    if prompt_tokens + (value or 1) > model.context_window:
        raise BadRequest(
            "Please reduce the length of the messages or completion.", "context_length_exceeded", param="messages"
        )
    return value
