"""The conversation on screen: `ThreadView` and the `Turn` values it shows."""

from groqdesk.ui.thread.blocks import Counters
from groqdesk.ui.thread.code import warm_up
from groqdesk.ui.thread.styles import Palette
from groqdesk.ui.thread.turns import Turn, TurnState
from groqdesk.ui.thread.view import ThreadView

__all__ = ["Counters", "Palette", "ThreadView", "Turn", "TurnState", "warm_up"]
