"""The room of widgets: the only one that imports QtWidgets, QtGui and qasync."""

import sys

import PySide6  # noqa: F401, loads the hook below

# After PySide6 every later import is searched for `from __feature__ import`: its source is read, parsed and then kept in
# linecache for the life of the process (measured: 85 ms of the start, 19 MB). We use no features; a test notices when a later
# PySide6 keeps the hook elsewhere.
_hook = sys.modules.get("shibokensupport.feature")
if _hook is not None and hasattr(_hook, "_mod_uses_pyside"):
    _hook.__dict__["_mod_uses_pyside"] = lambda module: False
