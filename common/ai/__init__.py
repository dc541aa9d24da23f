"""Models that answer: one protocol, one file per provider."""
