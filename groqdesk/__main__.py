"""`python -m groqdesk`."""

from groqdesk.cli import main

raise SystemExit(main())
