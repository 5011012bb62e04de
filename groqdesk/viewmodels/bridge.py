"""How a view-model reads a stream of the engine: one call, in batches of one frame, never a signal per token.

The pace lives in the engine's `Stream`: at most one batch a frame for each stream, no timer while nothing streams.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from groqdesk.core.ports import Engine

E = TypeVar("E")


async def consume(
    engine: Engine,
    fn: Callable[..., AsyncGenerator[E, None]],
    *args: Any,
    on_batch: Callable[[list[E]], object],
) -> None:
    """Runs the generator `fn(*args)` in the engine and gives `on_batch` its items, in order, in the caller's thread.

    To be started in a `TaskScope`. Returns after the last batch. Raises what the generator raised, after its last
    item, or what `on_batch` raised. However it is left (end, error, cancellation), the generator has been stopped and
    its connection closed when this returns.
    """
    async with aclosing(engine.stream(fn, *args)) as batches:
        async for batch in batches:
            on_batch(batch)
