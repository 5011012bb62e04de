"""The room of widgets: the only one that imports QtWidgets, QtGui and qasync."""
