"""Pieces of pages: bubbles, badges, tiles, notices."""
