"""groqdesk: a desktop studio to design, talk to, test and meter AI agents."""

__version__ = "0.1.0"
