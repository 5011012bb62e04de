"""Settings survive any stored value, folders follow flag and environment, shipped files are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core.settings import Settings, Timings, folders, resource


def test_stored_values_replace_defaults() -> None:
    settings = Settings.from_rows({"theme": "light", "text_size": 120, "first_run_done": True, "model": "x"})
    assert settings == Settings(theme="light", text_size=120, first_run_done=True, model="x")


@pytest.mark.parametrize(
    "row",
    [
        {"theme": "pink"}, {"theme": 1}, {"text_size": 89}, {"text_size": 151}, {"text_size": "100"}, {"text_size": True},
        {"sidebar_width": 10}, {"inspector_width": 9999}, {"reduced_motion": "off"}, {"nobody": 1}, {"first_run_done": 1},
        {"provider": None}, {"model": ["x"]},
    ],
)  # fmt: skip
def test_wrong_values_leave_the_default(row: dict[str, object]) -> None:
    assert Settings.from_rows(row) == Settings()


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())
names = st.sampled_from([*Settings.__slots__, "other"])


@given(st.dictionaries(names, json_values))
def test_any_stored_row_gives_usable_settings(rows: dict[str, object]) -> None:
    settings = Settings.from_rows(rows)
    assert settings.theme in ("system", "dark", "light")
    assert 90 <= settings.text_size <= 150
    assert 200 <= settings.sidebar_width <= 360
    assert Settings.from_rows({name: getattr(settings, name) for name in Settings.__slots__}) == settings


def test_the_flag_comes_before_the_environment(tmp_path: Path) -> None:
    home = {"GROQDESK_HOME": str(tmp_path / "home")}
    assert folders(str(tmp_path / "flag"), home).data == tmp_path / "flag"
    found = folders(None, home)
    assert (found.data, found.log) == (tmp_path / "home", tmp_path / "home" / "logs")
    assert found.database == tmp_path / "home" / "groqdesk.db"
    assert found.backups.parent == found.data


def test_without_either_the_platform_decides_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    found = folders(None, {})
    assert found.data.name == "groqdesk"
    assert not (tmp_path / "groqdesk").exists()


def test_a_home_is_expanded_and_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert folders(None, {"GROQDESK_HOME": "~/x"}).data == tmp_path / "x"
    assert folders("rel", {}).data == tmp_path / "rel"


def test_shipped_files_are_found_and_others_are_not() -> None:
    assert resource("catalog.toml").is_file()
    with pytest.raises(FileNotFoundError, match=r"icons/none\.svg"):
        resource("icons", "none.svg")


def test_timings_are_divided_together() -> None:
    short = Timings().divided(10)
    assert short.connect_s == pytest.approx(0.5)
    assert short.total_s == pytest.approx(60)
    assert short.divided(0.1).close_s == pytest.approx(Timings().close_s)
