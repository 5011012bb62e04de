"""Settings and durations of the app, where its files live, and the files it ships."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import platformdirs

ThemeMode = Literal["system", "dark", "light"]


def resource(*parts: str) -> Path:
    """A shipped file or folder: from the clone in an editable install, from the package in a wheel.

    FileNotFoundError if neither has it.
    """
    package = Path(__file__).resolve().parent.parent
    for root in (package / "_resources", package.parent / "resources"):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError("/".join(parts))


@dataclass(frozen=True, slots=True)
class Folders:
    """Where this run keeps its files. `temporary` data is thrown away at the end (demo mode)."""

    data: Path
    log: Path
    temporary: bool = False

    @property
    def database(self) -> Path:
        return self.data / "groqdesk.db"

    @property
    def backups(self) -> Path:
        return self.data / "backups"


def folders(data_dir: str | None = None, environment: Mapping[str, str] = os.environ) -> Folders:
    """Flag, then GROQDESK_HOME, then the platform's own place. Creates nothing."""
    home = data_dir or environment.get("GROQDESK_HOME")
    if home:
        root = Path(os.path.expanduser(home)).absolute()  # noqa: PTH111, as a shell does: an unknown ~name stays as it is
        return Folders(root, root / "logs")
    return Folders(
        Path(platformdirs.user_data_dir("groqdesk", appauthor=False)),
        Path(platformdirs.user_log_dir("groqdesk", appauthor=False)),
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user can set. Stored as one row a field in the settings table; absent means the default."""

    theme: ThemeMode = "system"
    text_size: int = 100
    provider: str = "groq"
    model: str = "openai/gpt-oss-120b"
    first_run_done: bool = False
    sidebar_width: int = 248
    inspector_width: int = 296
    sidebar_open: bool = True
    inspector_open: bool = True
    window_geometry: str = ""
    reduced_motion: Literal["system", "on"] = "system"
    fast_transport: bool = True
    show_thinking: bool = False

    @staticmethod
    def from_rows(rows: Mapping[str, Any]) -> Settings:
        """Settings from stored values; what has the wrong type or an unknown name is left at its default."""
        known = {f.name: f for f in fields(Settings)}
        default = Settings()
        good = {
            name: value
            for name, value in rows.items()
            if name in known and type(value) is type(getattr(default, name)) and _allowed(name, value)
        }
        return replace(default, **good)


def _allowed(name: str, value: Any) -> bool:
    match name:
        case "theme":
            return value in ("system", "dark", "light")
        case "text_size":
            return bool(90 <= value <= 150)
        case "sidebar_width":
            return bool(200 <= value <= 360)
        case "inspector_width":
            return bool(264 <= value <= 420)
        case "reduced_motion":
            return value in ("system", "on")
    return True


@dataclass(frozen=True, slots=True)
class Timings:
    """Every duration of the app, in seconds. Tests divide them by one factor instead of sleeping."""

    connect_s: float = 5.0
    first_byte_s: float = 120.0
    between_events_s: float = 30.0
    write_s: float = 30.0
    total_s: float = 600.0
    drain_s: float = 0.25
    save_streamed_s: float = 0.5
    key_test_debounce_s: float = 0.3
    key_test_s: float = 15.0
    keyring_s: float = 60.0
    usage_flush_s: float = 1.0
    close_s: float = 3.0
    foreign_writes_s: float = 1.0

    def divided(self, factor: float) -> Timings:
        return Timings(**{f.name: getattr(self, f.name) / factor for f in fields(self)})
