"""When a person is wanted: keywords, the language of a message, the fixed texts."""
