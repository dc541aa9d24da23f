"""Running everything on one machine: embedded Redis, supervisor, sample conversation, generated documents."""
