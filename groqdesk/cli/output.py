"""How commands end and what they print: exit codes, errors, and the JSON forms of the published contract."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import math
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groqdesk.app import App, Options
    from groqdesk.core.errors import GroqdeskError, ProviderError
    from groqdesk.core.messages import ChatEvent
    from groqdesk.core.usage import TokenUsage

EXIT_OK, EXIT_USAGE, EXIT_PROVIDER, EXIT_INTERRUPTED, EXIT_LOCAL, EXIT_STOPPED = 0, 2, 3, 4, 5, 130


def options_of(parsed: argparse.Namespace, demo: bool = False) -> Options:
    from groqdesk.app import Options

    record, replay = getattr(parsed, "record", None), getattr(parsed, "replay", None)
    return Options(
        data_dir=parsed.data_dir,
        demo=demo or parsed.demo,
        verbose=parsed.verbose,
        record=Path(record) if record else None,
        replay=Path(replay) if replay else None,
        replay_speed=math.inf if getattr(parsed, "replay_speed", "") == "full" else 1.0,
    )


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine; SIGTERM ends it like Ctrl+C does."""

    async def outer() -> Any:
        task = asyncio.current_task()
        if sys.platform != "win32" and task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    return asyncio.run(outer())


def with_app(parsed: argparse.Namespace, work: Callable[[App], Awaitable[int]]) -> int:
    from groqdesk.app import open_app

    async def inside() -> int:
        async with open_app(options_of(parsed)) as app:
            return await work(app)

    return int(run(inside()))


def usage_error(sentence: str, code: int = EXIT_USAGE, as_json: bool = False) -> int:
    """Wrong usage of a command other than chat."""
    if as_json:
        _print_error(_fields("bad_request", sentence, ""), chat=False)
    else:
        print(sentence, file=sys.stderr)
    return code


def refused(kind: str, message: str, action: str, as_json: bool) -> int:
    """Refused before anything was sent."""
    if as_json:
        _print_error(_fields(kind, message, action), chat=True)
    else:
        print(f"{message} {action}".rstrip(), file=sys.stderr)
    return EXIT_USAGE


def provider_error(error: ProviderError, as_json: bool, chat: bool = False) -> int:
    if as_json:
        _print_error(error_json(error), chat)
    else:
        print(plain(f"{error.message} {error.action}".rstrip()), file=sys.stderr)
    return error.exit


def local_problem(error: Exception, as_json: bool, chat: bool = False, data_dir: str | None = None) -> int:
    """Disk, keyring, database: a sentence. Anything else is ours: a neutral sentence, the traceback goes to the log."""
    from groqdesk.core.errors import GroqdeskError, ProviderError

    if isinstance(error, ProviderError):
        return provider_error(error, as_json, chat)
    known: GroqdeskError | None = error if isinstance(error, GroqdeskError) else None
    if known is None:
        from groqdesk.app import log_failure

        log_failure(error, data_dir)
    message = known.message if known else "Something went wrong in groqdesk. The log has the details."
    action = known.action if known else "Run it again with -v"
    if as_json:
        _print_error(_fields("local", message, action), chat)
    else:
        print(f"{message} {action}".rstrip(), file=sys.stderr)
    return EXIT_LOCAL


def stopped(as_json: bool, chat: bool) -> int:
    """Ctrl+C or SIGTERM before a command had anything to say."""
    if as_json:
        _print_error(_fields("cancelled", "Stopped.", ""), chat)
    else:
        print("Stopped.", file=sys.stderr)
    return EXIT_STOPPED


def _fields(kind: str, message: str, action: str) -> dict[str, Any]:
    rest = dict.fromkeys(("replacement", "status", "code", "retry_at", "request_id"))
    return {"kind": kind, "message": message, "action": action, **rest}


def _print_error(fields: dict[str, Any], chat: bool) -> None:
    """An event of `chat --json`, an object of the other commands."""
    print(json.dumps({"type": "error", **fields} if chat else {"error": fields}, ensure_ascii=False), flush=True)


def event_json(event: ChatEvent) -> dict[str, Any]:
    from groqdesk.core import messages as m

    match event:
        case m.Started(provider, model, attempt):
            return {"type": "started", "provider": provider, "model": model, "attempt": attempt}
        case m.TextDelta(text):
            return {"type": "text", "text": text}
        case m.ReasoningDelta(text):
            return {"type": "reasoning", "text": text}
        case m.ToolCallRequested(call):
            try:
                return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": _object(call.arguments)}
            except (ValueError, RecursionError):
                return {
                    "type": "tool_call",
                    "id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                    "valid": False,
                }
        case m.ToolAnswered(result):
            outcome = "error" if result.failed else "result"
            return {"type": "tool_result", "id": result.call_id, outcome: result.text, "seconds": result.seconds}
        case m.UsageReported():
            return {"type": "usage", **usage_json(event.usage, event.cost_nano_usd, event.ttft_s, event.total_s)}
        case m.Finished():
            end = {"finish_reason": event.finish_reason, "provider": event.provider, "model": event.model}
            return {"type": "finished", **end}
        case m.Interrupted(error, kept):
            return {"type": "interrupted", "cause": error.kind, "kept_characters": kept}
        case m.Failed(error):
            return {"type": "error", **error_json(error)}


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text or "{}")
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def usage_json(usage: TokenUsage, cost: int | None, ttft_s: float | None, total_s: float) -> dict[str, Any]:
    from groqdesk.core.usage import usd_exact

    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "total_tokens": usage.total_tokens,
        "cost_usd": usd_exact(cost),
        "estimated": usage.estimated,
        "queue_s": usage.queue_s,
        "prompt_s": usage.prompt_s,
        "completion_s": usage.completion_s,
        "ttft_s": ttft_s,
        "total_s": total_s,
    }


def error_json(error: ProviderError) -> dict[str, Any]:
    retry = error.retry_at_ms
    return {
        "kind": error.kind,
        "message": error.message,
        "action": error.action,
        "replacement": error.replacement,
        "status": error.status,
        "code": error.code,
        "retry_at": None if retry is None else iso(retry),
        "request_id": error.request_id,
    }


def iso(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_CONTROLS = {code: "" for code in (*range(32), 127, *range(128, 160)) if chr(code) not in "\t\n"}


def plain(text: str) -> str:
    """Text for a terminal, which control characters would move, colour, rename or make type."""
    return text.translate(_CONTROLS)


def print_human(event: ChatEvent, last: str) -> None:
    from groqdesk.core import messages as m
    from groqdesk.core.usage import usd_text

    match event:
        case m.TextDelta(text):
            sys.stdout.write(plain(text) if sys.stdout.isatty() else text)
            sys.stdout.flush()
        case m.ToolCallRequested(call):
            print(plain(f"calls {call.name}({call.arguments})"), file=sys.stderr)
        case m.Finished() if not last.endswith("\n"):
            print(flush=True)
        case m.UsageReported():
            ttft = "–" if event.ttft_s is None else f"{event.ttft_s * 1000:.0f} ms"
            tokens = f"{event.usage.prompt_tokens:,} in {event.usage.completion_tokens:,} out"
            about = "≈ " if event.usage.estimated else ""
            if not last.endswith("\n"):
                print(flush=True)
            print(f"TTFT {ttft} · {about}{tokens} · {usd_text(event.cost_nano_usd)}", file=sys.stderr)
        case m.Interrupted(error, kept):
            print(plain(f"{error.message} {kept:,} characters are kept. {error.action}".rstrip()), file=sys.stderr)
        case m.Failed(error):
            print(plain(f"{error.message} {error.action}".rstrip()), file=sys.stderr)
