/* Filled by groqdesk/ui/theme.py: a path in double braces is a colour of tokens.json, a number with px a length at the
   text size. Our own controls paint themselves; this sheet is for what Qt draws. State: dynamic properties kind, error, on. */
QWidget[surface="window"] { background: {{bg.window}}; }
QWidget[surface="sidebar"] { background: {{bg.sidebar}}; }
QWidget[surface="base"] { background: {{bg.base}}; }
QWidget[surface="raised"] { background: {{bg.raised}}; }
QWidget[surface="sunken"] { background: {{bg.sunken}}; }

QLabel { background: transparent; }
QLabel[tone="primary"] { color: {{text.primary}}; }
QLabel[tone="secondary"] { color: {{text.secondary}}; }
QLabel[tone="tertiary"] { color: {{text.tertiary}}; }
QLabel[tone="disabled"] { color: {{text.disabled}}; }
QLabel[tone="accent"] { color: {{accent.text}}; }
QLabel[tone="success"] { color: {{success.text}}; }
QLabel[tone="warning"] { color: {{warning.text}}; }
QLabel[tone="danger"] { color: {{danger.text}}; }
QLabel[tone="info"] { color: {{info.text}}; }

.QPushButton { min-height: {{30px}}; padding: 0 {{12px}}; border-radius: {{6px}}; border: 1px solid {{border.default}}; background: {{bg.raised}}; color: {{text.primary}}; font-weight: 500; }
.QPushButton:hover { background: {{bg.hover}}; }
.QPushButton:pressed { background: {{bg.active}}; }
.QPushButton:disabled { color: {{text.disabled}}; background: transparent; border-color: {{border.subtle}}; }
.QPushButton[kind="primary"] { background: {{accent.fill}}; border-color: {{accent.fill}}; color: {{text.onAccent}}; }
.QPushButton[kind="primary"]:hover { background: {{accent.fillHover}}; border-color: {{accent.fillHover}}; }
.QPushButton[kind="primary"]:pressed { background: {{accent.fillPressed}}; border-color: {{accent.fillPressed}}; }

QLineEdit, QPlainTextEdit, QTextEdit { selection-background-color: {{accent.tintStrong}}; selection-color: {{text.primary}}; }
.QLineEdit { min-height: {{30px}}; padding: 0 {{10px}}; border-radius: {{6px}}; border: 1px solid {{border.default}}; background: {{bg.input}}; color: {{text.primary}}; }
.QLineEdit:hover { border-color: {{border.strong}}; }
.QLineEdit:focus { border-color: {{accent.base}}; }
.QLineEdit[error="true"] { border-color: {{danger.text}}; }
.QLineEdit:disabled { background: transparent; border-color: {{border.subtle}}; color: {{text.disabled}}; }
LineEdit { background: transparent; border: 0; padding: 0; margin: 0; }
QLineEdit { lineedit-password-character: 8226; }

QScrollArea { background: transparent; border: 0; }
QScrollArea > QWidget > QWidget[surface="none"] { background: transparent; }
QScrollBar:vertical { width: {{10px}}; background: transparent; margin: 0; border: 0; }
QScrollBar:horizontal { height: {{10px}}; background: transparent; margin: 0; border: 0; }
QScrollBar::handle { background: {{border.strong}}; border-radius: {{3px}}; margin: {{2px}}; }
QScrollBar::handle:vertical { min-height: {{32px}}; }
QScrollBar::handle:horizontal { min-width: {{32px}}; }
QScrollBar::handle:hover { background: {{text.tertiary}}; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; border: 0; background: none; }
QScrollBar::add-page, QScrollBar::sub-page { background: none; }
QAbstractScrollArea::corner { background: transparent; border: 0; }

QToolTip { background: {{bg.overlay}}; color: {{text.primary}}; border: 1px solid {{border.strong}}; padding: {{6px}} {{9px}}; }

QMenu { background: {{bg.overlay}}; border: 1px solid {{border.strong}}; border-radius: {{8px}}; padding: {{5px}}; color: {{text.primary}}; }
QMenu::item { height: {{30px}}; padding: 0 {{8px}} 0 {{8px}}; border-radius: {{6px}}; background: transparent; }
QMenu::item:selected { background: {{bg.active}}; }
QMenu::item:disabled { color: {{text.disabled}}; }
QMenu::icon { padding-left: {{8px}}; }
QMenu::separator { height: 1px; background: {{border.subtle}}; margin: {{5px}} {{1px}}; }

QAbstractItemView { background: transparent; border: 0; selection-background-color: {{bg.active}}; selection-color: {{text.primary}}; }
QHeaderView { background: transparent; border: 0; }
QHeaderView::section { background: transparent; color: {{text.tertiary}}; border: 0; border-bottom: 1px solid {{border.default}}; padding: 0 {{10px}}; font-size: {{11px}}; font-weight: 500; }
QSplitter::handle { background: {{border.default}}; }
QDialog { background: {{bg.overlay}}; }
