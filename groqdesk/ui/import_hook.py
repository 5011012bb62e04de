"""Imported first, before the window's modules: keeps PySide6 from reading the source of every later import.

After PySide6 each import is searched for `from __feature__ import`: its source is read, parsed and then kept in linecache for
the life of the process (measured: 85 ms of the start, 19 MB). We use no features; a test notices when a later PySide6 keeps
the hook elsewhere.
"""

import sys

import PySide6  # noqa: F401, loads the hook

_hook = sys.modules.get("shibokensupport.feature")
if _hook is not None and hasattr(_hook, "_mod_uses_pyside"):
    _hook.__dict__["_mod_uses_pyside"] = lambda module: False
