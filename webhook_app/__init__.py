"""The web process: Meta's webhook and the HTTP API. Accepts fast, decides nothing."""
