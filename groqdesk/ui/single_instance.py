"""One window for each data folder: a second start raises the first one's window."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

try:
    from PySide6.QtNetwork import QLocalServer, QLocalSocket
except ImportError:  # its system libraries may be missing; the data folder's lock still keeps a second window out
    QLocalServer = QLocalSocket = None  # type: ignore[assignment, misc]

log = logging.getLogger(__name__)
ANSWER_MS = 4000  # a busy window answers late; where nobody listens, connecting fails at once
RAISE = b"raise\n"
ANSWER = b"ok\n"


def server_name(data: Path) -> str:
    """The name under which the window of a data folder can be reached; it does not tell the path."""
    return "groqdesk-" + hashlib.sha256(os.fsencode(os.path.realpath(data))).hexdigest()[:20]


def raise_other(data: Path) -> bool:
    """Asks the window that has this folder open to come to the front. False if there is none. Waits four seconds at most."""
    if QLocalSocket is None:
        return False
    socket = QLocalSocket()
    socket.connectToServer(server_name(data))
    if not socket.waitForConnected(ANSWER_MS):
        return False
    socket.write(RAISE)
    socket.waitForBytesWritten(ANSWER_MS)
    answered = socket.waitForReadyRead(ANSWER_MS)
    socket.disconnectFromServer()
    return bool(answered)


class SingleInstance(QObject):
    """Listens for a second start as long as it lives. `raise_requested`: the window should come to the front."""

    raise_requested = Signal()

    def __init__(self, data: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server: Any = None
        self._callers: set[Any] = set()
        if QLocalServer is None:
            return
        server = self._server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_connected)
        name = server_name(data)
        if not server.listen(name):
            # What a killed window left behind; its lock on the data is ours by now.
            QLocalServer.removeServer(name)
            if not server.listen(name):
                log.warning("a second start cannot raise this window: %s", server.errorString())

    def _on_connected(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            self._callers.add(socket)
            socket.readyRead.connect(self._on_asked)
            socket.disconnected.connect(self._on_left)
        self._on_asked()

    def _on_asked(self) -> None:
        """Answers every caller whose question is there; the answer goes out with the loop's next turn."""
        for socket in self._callers:
            if socket.bytesAvailable() and socket.readAll().data().startswith(RAISE):
                socket.write(ANSWER)
                self.raise_requested.emit()

    def _on_left(self) -> None:
        for socket in [
            caller for caller in self._callers if caller.state() == QLocalSocket.LocalSocketState.UnconnectedState
        ]:
            self._callers.discard(socket)
            socket.deleteLater()

    def close(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
