"""The shop's knowledge, and finding what answers a question."""
