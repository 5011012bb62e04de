"""PySide6's feature hook must not read the source of everything that is imported after it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import groqdesk.ui.import_hook, groqdesk.ui.main, linecache
import groqdesk.storage.database, groqdesk.providers.factory
print(sum(len(''.join(entry[2])) for entry in linecache.cache.values() if len(entry) > 2))
"""


def test_sources_are_not_kept_in_memory() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1_000_000
