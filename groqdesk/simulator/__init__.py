"""A Groq on loopback: faithful to the wire, with no model behind it. Demo mode and tests run against it."""
