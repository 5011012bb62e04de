"""A desk: the window over scripted parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from tests.ui.fakes_ui import Desk


@pytest.fixture
def desk(qapp: QApplication) -> Iterator[Callable[..., Desk]]:
    """Makes desks and closes them in the end."""
    made: list[Desk] = []

    def make(*scripts: Any, **options: Any) -> Desk:
        made.append(Desk(qapp, *scripts, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
