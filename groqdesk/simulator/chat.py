"""`POST /chat/completions`: from a checked request to the bytes of the answer, plain or streamed, at the model's pace."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from groqdesk.simulator import answers, tokens, validation, wire
from groqdesk.simulator.exchange import ClientGone, Exchange
from groqdesk.simulator.limits import Refusal
from groqdesk.simulator.models import ServedModel
from groqdesk.simulator.script import Fault, Reply
from groqdesk.simulator.validation import BadRequest, ChatRequest
from groqdesk.simulator.world import Pace, World

# What gpt-oss writes around its channels; it is billed, and it is why a budget of one token shows nothing at all.
_CHANNEL_START_TOKENS = 3
_CHANNEL_SWITCH_TOKENS = 6
_PROMPT_SPEEDUP = 40.0
_FAIR_CHUNKS = 32
_SHORTEST_SLEEP_S = 0.0005
_PLAIN_SLEEP_S = 0.05


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: str
    """`reasoning`, `content`, or `` for what is billed but never shown."""
    text: str
    cost: int = 1
    thought: bool = False


async def complete(world: World, exchange: Exchange, body: Any, request_id: str, fault: Fault) -> None:
    """Answer one chat request. Errors of the request are answered, not raised; raises `ClientGone`."""
    headers = wire.common_headers(request_id)
    if not isinstance(body, dict):
        await _refuse(exchange, 400, headers, wire.error("request body is not valid JSON: expected an object"))
        return
    name = body.get("model")
    if not isinstance(name, str) or not name:
        await _refuse(exchange, 400, headers, wire.error("property 'model' is missing"))
        return
    model = world.model(name)
    if model is None:
        status, error = world.missing(name)
        await _refuse(exchange, status, headers, error)
        return
    organization = world.organization(exchange.authorization)
    limits = world.limits(model)
    try:
        request = validation.check(body, model)
        reservation = world.limiter.admit(
            organization,
            model.id,
            limits,
            prompt_tokens=request.prompt_tokens,
            max_tokens=request.max_tokens,
            tier=request.service_tier,
        )
    except BadRequest as refused:
        world.limiter.refresh(organization, model.id, limits)
        headers |= world.limiter.headers(organization, model.id, limits)
        await _refuse(exchange, 400, headers, refused.error)
        return
    except Refusal as refused:
        headers |= world.limiter.headers(organization, model.id, limits)
        if refused.retry_after_s is not None:
            headers["retry-after"] = str(refused.retry_after_s)
        await _refuse(exchange, refused.status, headers, refused.error)
        return
    headers |= world.limiter.headers(organization, model.id, limits)
    prompt = tokens.compact([request.tools, *request.messages])
    cached = min(world.cached_tokens(organization, model, prompt), request.prompt_tokens)
    pace = world.pace(model)
    answer = _answer(request, fault.reply, request_id, cached, pace)
    try:
        if request.response_format != "text" and answer.finish_reason == "length":
            text = "".join(piece for kind, piece, _ in answer.pieces if kind == "content")
            error = wire.error(
                "Failed to generate JSON: max completion tokens reached before generating a valid document. "
                "See 'failed_generation' for more details.",
                code="json_validate_failed",
                failed_generation=text,
            )
            await _refuse(exchange, 400, headers, error)
        elif request.stream:
            await exchange.start(200, headers | wire.STREAM_HEADERS)
            await _stream(exchange, request, answer, pace, fault)
        else:
            await _plain(exchange, headers | wire.JSON_HEADERS, answer, pace, fault)
    finally:
        output = answer.usage.completion_tokens
        if request.stream and exchange.gone:
            output = min(output, max(0, exchange.record.chunks - 1))
        world.limiter.settle(reservation, tokens=request.prompt_tokens - cached + output, output_tokens=output)


async def _refuse(exchange: Exchange, status: int, headers: dict[str, str], error: dict[str, Any]) -> None:
    await exchange.json(status, headers | wire.JSON_HEADERS, {"error": error})


# What is said


def _answer(request: ChatRequest, reply: Reply | None, request_id: str, cached: int, pace: Pace) -> wire.Answer:
    if reply is not None and reply.raw is None:
        pieces, calls, finish = _scripted(request.model, reply)
    else:
        pieces, calls, finish = _budgeted(request, answers.compose(request))
    completion = sum(piece.cost for piece in pieces)
    for call in calls:
        completion += wire.CALL_TOKENS + tokens.count(call.name + call.arguments)
    uncached = request.prompt_tokens - cached
    usage = wire.Usage(
        prompt_tokens=request.prompt_tokens,
        completion_tokens=completion,
        queue_s=pace.told_s(0.004 + request.prompt_tokens % 17 / 1000),
        prompt_s=pace.told_s(0.001 + uncached / (pace.tokens_per_s * _PROMPT_SPEEDUP)),
        completion_s=pace.told_s(completion / pace.tokens_per_s),
        cached_tokens=cached,
        reasoning_tokens=sum(piece.cost for piece in pieces if piece.thought),
    )
    return wire.Answer(
        model=request.model.id,
        pieces=tuple((piece.kind, piece.text, piece.cost) for piece in pieces if piece.kind),
        calls=calls,
        finish_reason=finish,
        usage=usage,
        seed=request.seed if request.seed is not None else secrets.randbelow(2**31),
        channel=request.model.channel,
        request_id=request_id,
        service_tier=request.service_tier,
    )


def _scripted(model: ServedModel, reply: Reply) -> tuple[list[_Piece], tuple[wire.Call, ...], str]:
    pieces = [_Piece("reasoning", text, thought=True) for text in tokens.split(reply.reasoning)]
    pieces += [_Piece("content", text, max(1, tokens.count(text))) for text in reply.deltas]
    calls = tuple(
        wire.Call(
            call.get("id") or wire.new_call_id(channel=model.channel),
            call["name"],
            call["arguments"] if isinstance(call.get("arguments"), str) else tokens.compact(call.get("arguments", {})),
        )
        for call in reply.tool_calls
    )
    return pieces, calls, reply.finish_reason or ("tool_calls" if calls else "stop")


def _budgeted(request: ChatRequest, draft: answers.Draft) -> tuple[list[_Piece], tuple[wire.Call, ...], str]:
    """The pieces that fit into the maximum, the calls if they fit too, and why it ended."""
    budget = request.max_tokens or min(
        request.model.max_completion_tokens, request.model.context_window - request.prompt_tokens
    )
    wanted = _pieces(request, draft)
    taken: list[_Piece] = []
    for piece in wanted:
        if piece.cost > budget:
            if piece.cost > 1:
                taken.append(_Piece("", "", budget))
            return taken, (), "length"
        budget -= piece.cost
        taken.append(piece)
    calls: list[wire.Call] = []
    for name, values in draft.calls:
        call = wire.Call(wire.new_call_id(channel=request.model.channel), name, tokens.compact(values))
        budget -= wire.CALL_TOKENS + tokens.count(call.name + call.arguments)
        if budget < 0:
            return taken, (), "length"
        calls.append(call)
    return taken, tuple(calls), "tool_calls" if calls else "stop"


def _pieces(request: ChatRequest, draft: answers.Draft) -> list[_Piece]:
    place = request.reasoning_place
    shown = {"parsed": "reasoning", "raw": "content", "hidden": ""}[place]
    pieces: list[_Piece] = []
    if draft.reasoning:
        text = f"<think>\n{draft.reasoning}\n</think>\n\n" if place == "raw" else draft.reasoning
        if request.model.channel:
            pieces.append(_Piece("", "", _CHANNEL_START_TOKENS))
        pieces += [_Piece(shown, part if shown else "", thought=True) for part in tokens.split(text)]
        if request.model.channel:
            pieces.append(_Piece("", "", _CHANNEL_SWITCH_TOKENS))
    content = draft.content
    ends = [at for stop in request.stop if stop and (at := content.find(stop)) >= 0]
    pieces += [_Piece("content", part) for part in tokens.split(content[: min(ends)] if ends else content)]
    return pieces


# How it is sent


async def _plain(exchange: Exchange, headers: dict[str, str], answer: wire.Answer, pace: Pace, fault: Fault) -> None:
    usage = answer.usage
    if pace.waits:
        await exchange.pause(usage.queue_s + usage.prompt_s + usage.completion_s)
    if fault.then == "error":
        status = fault.error.get("status_code", 500)
        error = {name: value for name, value in fault.error.items() if name != "status_code"}
        await _refuse(exchange, status if isinstance(status, int) else 500, headers, error)
        return
    body = answer.completion(with_usage=fault.usage)
    if fault.then == "x_groq_error":
        body["x_groq"]["error"] = fault.error
    data = tokens.compact(body).encode()
    if fault.reply is not None and fault.reply.raw is not None:
        data = fault.reply.raw
    if fault.then is None and not fault.first_byte_delay_s:
        await exchange.whole(200, headers, data)
        return
    await exchange.start(200, headers)
    await exchange.pause(fault.first_byte_delay_s)
    if fault.then in (None, "x_groq_error"):
        await exchange.write(data)
    else:
        half = len(data) // 2
        await exchange.write(data[:half])
        if not await _cut(exchange, fault):
            return
        await exchange.write(data[half:])
    await exchange.end()


async def _stream(exchange: Exchange, request: ChatRequest, answer: wire.Answer, pace: Pace, fault: Fault) -> None:
    if fault.first_byte_delay_s:
        await exchange.pause(fault.first_byte_delay_s)
    if fault.reply is not None and fault.reply.raw is not None:
        events = _raw_events(fault.reply.raw)
    else:
        events = _events(exchange, request, answer, pace, fault)
    sent = 0
    pending = fault.then is not None
    async for event in events:
        if pending and (sent >= fault.after_chunks or event == wire.DONE):
            pending = False
            if fault.then == "x_groq_error":
                await exchange.write(wire.event(tokens.compact(answer.stopped_chunk(fault.error))))
                await exchange.write(wire.DONE)
                break
            if not await _cut(exchange, fault):
                return
        await exchange.write(event)
        sent += 1
    if pending and not await _cut(exchange, fault):
        return
    await exchange.end()


async def _cut(exchange: Exchange, fault: Fault) -> bool:
    """Do what `then` says; True if the answer goes on afterwards."""
    match fault.then:
        case "reset":
            await exchange.reset()
        case "close":
            await exchange.close()
        case "stall":
            await exchange.pause(fault.stall_s)
            return True
        case "error":
            await exchange.write(wire.event(tokens.compact({"error": fault.error}), "error"))
    await exchange.end()
    return False


async def _raw_events(raw: bytes) -> AsyncIterator[bytes]:
    parts = raw.split(b"\n\n")
    for index, part in enumerate(parts):
        data = part if index == len(parts) - 1 else part + b"\n\n"
        if data:
            yield data


async def _events(
    exchange: Exchange, request: ChatRequest, answer: wire.Answer, pace: Pace, fault: Fault
) -> AsyncIterator[bytes]:
    """Every event of the stream, each at its time."""
    loop = asyncio.get_running_loop()
    usage = answer.usage
    due_s = loop.time() + usage.queue_s + usage.prompt_s
    token_s = usage.completion_s / max(1, usage.completion_tokens)
    shown = sum(cost for _, _, cost in answer.pieces)
    shown += sum(wire.CALL_TOKENS + tokens.count(call.name + call.arguments) for call in answer.calls)
    hidden = usage.completion_tokens - shown
    for number, (cost, chunk) in enumerate(_timed(request, answer, fault, hidden)):
        due_s += cost * token_s
        if pace.waits:
            await _until(exchange, due_s)
        elif number % _FAIR_CHUNKS == 0:
            await asyncio.sleep(0)
        yield wire.event(tokens.compact(chunk))
    yield wire.DONE


def _timed(
    request: ChatRequest, answer: wire.Answer, fault: Fault, hidden: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    yield 0, answer.first_chunk()
    for cost, chunk in answer.deltas():
        yield cost + hidden, chunk
        hidden = 0
    for chunk in answer.last_chunks(include_usage=request.include_usage, with_usage=fault.usage):
        yield hidden, chunk
        hidden = 0


async def _until(exchange: Exchange, due_s: float) -> None:
    wait_s = due_s - asyncio.get_running_loop().time()
    if wait_s > _PLAIN_SLEEP_S:
        await exchange.pause(wait_s)
    elif wait_s > _SHORTEST_SLEEP_S:
        await asyncio.sleep(wait_s)
        if exchange.gone:
            raise ClientGone
