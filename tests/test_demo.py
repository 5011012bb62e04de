"""`groqdesk demo` under a real X server: the main job from the typed question to the history after a restart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from tests.conftest import needs
from tests.desktop import Desktop, desktop

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("desktop"), needs("Xvfb", "openbox")]
PICTURES = {
    "answer": (1280, 832),
    "playground-dark": (1280, 832),
    "playground-light": (1280, 832),
    "playground-1024x640": (1024, 640),
    "first-run-dark": (1280, 832),
    "first-run-light": (1280, 832),
}


@pytest.fixture
def screen() -> Iterator[Desktop]:
    with desktop() as one:
        yield one


def test_the_demo_does_the_main_job_and_leaves_its_pictures(screen: Desktop, tmp_path: Path) -> None:
    environment = {**os.environ, **screen.environment, "TMPDIR": str(tmp_path)}
    environment.pop("QT_QPA_PLATFORM")
    done = subprocess.run(
        [sys.executable, "-m", "groqdesk", "demo", "--pictures", str(tmp_path / "pictures")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "After a restart: 3 conversations, the answer is still there." in done.stdout
    assert "from the recording and with no server: the same answer." in done.stdout
    assert "Traceback" not in done.stderr
    for name, size in PICTURES.items():
        image = QImage(str(tmp_path / "pictures" / f"{name}.png"))
        assert (image.width(), image.height()) == size, name
    dark = QImage(str(tmp_path / "pictures" / "playground-dark.png")).pixelColor(640, 60)
    light = QImage(str(tmp_path / "pictures" / "playground-light.png")).pixelColor(640, 60)
    assert dark.lightness() < 60 < 200 < light.lightness()
    assert not list(tmp_path.glob("groqdesk-demo-*")), "the demo's data is thrown away"
