"""The room of HTTP: everything that talks to a provider."""

import sys

# `import httpx` also loads httpx's own command line, and with it click, Pygments' lexers and rich: 20 to 40 ms of every
# start for something that is never called here. A None entry makes that one import fail, which httpx expects and handles.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
