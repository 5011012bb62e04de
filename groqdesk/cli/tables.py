"""Commands that print what is known: models, usage, doctor, keys."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

from groqdesk import __version__
from groqdesk.cli.output import (
    EXIT_LOCAL,
    EXIT_OK,
    iso,
    options_of,
    provider_error,
    run,
    usage_error,
    with_app,
)

if TYPE_CHECKING:
    from groqdesk.app import App
    from groqdesk.core.catalog import ModelInfo


def keys(parsed: argparse.Namespace) -> int:
    from groqdesk.app import open_vault
    from groqdesk.core.secrets import clean_key

    if parsed.demo:
        return usage_error("The demo has no keys. Leave --demo out.")
    vault, origins = open_vault()
    if parsed.keys_command == "list":
        return int(run(_list_keys(vault, origins)))
    if parsed.provider not in origins:
        return usage_error(f"There is no provider {parsed.provider!r}; there are {', '.join(origins)}.")
    origin = origins[parsed.provider]
    if parsed.keys_command == "delete":
        removed = run(vault.delete(parsed.provider, origin))
        print(f"The key for {parsed.provider} is removed." if removed else f"No key for {parsed.provider} was kept.")
        return EXIT_OK
    if sys.stdin.isatty():
        import getpass

        text = getpass.getpass(f"Key for {parsed.provider} (not shown): ")
    else:
        text = sys.stdin.readline()
    try:
        key = clean_key(text)
    except ValueError as error:
        return usage_error(str(error))
    kept = run(vault.set(parsed.provider, origin, key))
    if kept == "memory":
        status = run(vault.status())
        print(f"The key was not kept: {status.reason}", file=sys.stderr)
        return EXIT_LOCAL
    status = run(vault.status())
    print(f"The key for {parsed.provider} is kept in {status.backend}.")
    return EXIT_OK


async def _list_keys(vault: Any, origins: dict[str, str]) -> int:
    status = await vault.status()
    print(f"Keyring: {status.backend}" if status.persistent else f"Keyring: none. {status.reason}")
    for provider, origin in origins.items():
        key = await vault.get(provider, origin)
        where = "" if key is None else f"…{key.secret.tail}  ({key.source})"
        print(f"{provider:<10} {where or 'no key'}")
    return EXIT_OK


def models(parsed: argparse.Namespace) -> int:
    return with_app(parsed, lambda app: _show_models(app, parsed))


async def _show_models(app: App, parsed: argparse.Namespace) -> int:
    from groqdesk.core.errors import ProviderError

    if parsed.refresh:
        for provider in [parsed.provider or app.providers.names()[0]]:
            try:
                await app.catalog.refresh(provider)
            except ProviderError as error:
                return provider_error(error, parsed.json)
    found = app.catalog.models(parsed.provider, parsed.capability)
    if parsed.provider and not found and parsed.provider not in app.providers.names():
        return usage_error(f"There is no provider {parsed.provider!r}.", as_json=parsed.json)
    if parsed.json:
        print(json.dumps({"models": [_model_json(m) for m in found]}, ensure_ascii=False))
        return EXIT_OK
    for model in found:
        marks = "" if model.state == "production" else f"  {model.state}"
        if model.retired_on:
            marks += f" {model.retired_on}" + (f", use {model.replacement}" if model.replacement else "")
        speed = f"{model.speed_tok_s} tok/s" if model.speed_tok_s else ""
        context = f"{model.context_tokens:,}" if model.context_tokens else "–"
        print(f"{model.provider:<8} {model.id:<36} {context:>10}  {speed:>11}  {_price(model):<22}{marks}")
    return EXIT_OK


def _model_json(model: ModelInfo) -> dict[str, Any]:
    """Prices in USD as exact decimals: per million tokens, per hour of audio, per million characters."""
    from groqdesk.core.usage import usd_exact

    price = model.price
    per_m = price and {
        "prompt": usd_exact(price.prompt_nano_usd_per_m),
        "cached": usd_exact(price.cached_nano_usd_per_m),
        "completion": usd_exact(price.completion_nano_usd_per_m),
    }
    return {
        "id": model.id,
        "provider": model.provider,
        "name": model.name,
        "capability": model.capability,
        "state": model.state,
        "aliases": list(model.aliases),
        "context_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "speed_tok_s": model.speed_tok_s,
        "usd_per_m_tokens": per_m,
        "usd_per_hour": usd_exact(model.nano_usd_per_hour),
        "usd_per_m_characters": usd_exact(model.nano_usd_per_m_characters),
        "price_date": model.price_date and model.price_date.isoformat(),
        "retired_on": model.retired_on and model.retired_on.isoformat(),
        "ends_on": model.ends_on and model.ends_on.isoformat(),
        "replacement": model.replacement,
        "tools": model.tools,
        "json_schema": model.json_schema,
        "reasoning_efforts": list(model.reasoning_efforts),
        "vision": model.vision,
        "voices": list(model.voices),
        "formats": list(model.formats),
        "live": model.live,
    }


def _price(model: ModelInfo) -> str:
    if model.price is not None:
        price = model.price
        return f"{_usd(price.prompt_nano_usd_per_m)} / {_usd(price.completion_nano_usd_per_m)} per M"
    if model.nano_usd_per_hour is not None:
        return f"{_usd(model.nano_usd_per_hour)} per hour"
    if model.nano_usd_per_m_characters is not None:
        return f"{_usd(model.nano_usd_per_m_characters)} per M characters"
    return "price unknown"


def _usd(nano_usd: int) -> str:
    """An exact price with at least two decimals."""
    from groqdesk.core.usage import usd_exact

    whole, _, rest = str(usd_exact(nano_usd)).partition(".")
    return f"${whole}.{rest.ljust(2, '0')}"


def usage(parsed: argparse.Namespace) -> int:
    try:
        since_ms = _since(parsed.since)
    except ValueError as error:
        return usage_error(str(error))
    return with_app(parsed, lambda app: _show_usage(app, parsed, since_ms))


def _since(text: str) -> int:
    """`30d` (that many days back, from midnight) or a date; UTC milliseconds."""
    now = dt.datetime.now().astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text.endswith("d") and text[:-1].isdigit() and len(text) <= 6:
        return int((midnight - dt.timedelta(days=int(text[:-1]))).timestamp() * 1000)
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d")
        return int(day.astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):  # the first and last days of the calendar have no local time
        raise ValueError(f"--since takes a number of days (30d) or a date (2026-11-01), not {text!r}.") from None


async def _show_usage(app: App, parsed: argparse.Namespace, since_ms: int) -> int:
    from groqdesk.core.usage import usd_exact, usd_text

    rows = await app.usage_reader.summed(since_ms, parsed.by, app.zone)
    names = ["requests", "failed", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens"]
    if parsed.json or parsed.csv:
        table = [
            {parsed.by: row.key, **{n: getattr(row, n) for n in names}}
            | {"cost_usd": usd_exact(row.cost_nano_usd), "unknown_cost": row.unknown_cost}
            for row in rows
        ]
        if parsed.json:
            print(json.dumps({"since": iso(since_ms), "by": parsed.by, "rows": table}, ensure_ascii=False))
            return EXIT_OK
        import csv

        writer = csv.DictWriter(sys.stdout, [parsed.by, *names, "cost_usd", "unknown_cost"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in row.items()} for row in table)
        return EXIT_OK
    if not rows:
        print("Nothing used since then.")
    for row in rows:
        unknown = f"  + {row.unknown_cost} without a price" if row.unknown_cost else ""
        tokens = f"{row.prompt_tokens:>10,} in {row.completion_tokens:>10,} out"
        print(f"{row.key:<28} {row.requests:>6,} requests {tokens}  {usd_text(row.cost_nano_usd):>9}{unknown}")
    return EXIT_OK


def _cell(value: Any) -> Any:
    """A name from outside must not become a formula when the file is opened in a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value


def doctor(parsed: argparse.Namespace) -> int:
    from groqdesk.app import examine

    checks = run(examine(options_of(parsed), parsed.online))
    if parsed.json:
        print(json.dumps({"version": __version__, "checks": [c.as_json() for c in checks]}, ensure_ascii=False))
    else:
        marks = {"ok": "ok  ", "note": "note", "problem": "FAIL"}
        for check in checks:
            print(f"{marks[check.state]}  {check.name:<10} {check.text}")
            if check.action:
                print(f"                 {check.action}")
    return EXIT_LOCAL if any(c.state == "problem" for c in checks) else EXIT_OK
