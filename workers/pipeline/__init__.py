"""A turn: everything a customer has written that nobody answered yet, and what becomes of it."""
