"""Conversations at rest: what ingest, turns, delivery and the desk do to them, each as one atomic script."""
