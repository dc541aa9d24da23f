"""The Redis toolbox: connections, the key schema, Lua scripts, sealing of raw text."""
